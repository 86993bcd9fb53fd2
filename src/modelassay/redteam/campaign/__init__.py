"""Adaptive campaigns: behaviours × strategies × models, carried out, kept, counted, written as evidence.

`run_campaign` carries one out. Every reply that was paid for is in the `journal` before it counts, and a
campaign is a pure function of its journal: killed at any instant, the same call goes over what is there
without asking, and asks what is missing. `results` makes findings of it, `writing` an `Examination` with its
files beside it.
"""

from modelassay.redteam.campaign.conduct import Campaign, Cast, Standing, run_campaign
from modelassay.redteam.campaign.journal import Journal
from modelassay.redteam.campaign.results import findings_of
from modelassay.redteam.campaign.settings import CampaignSettings, load_campaign
from modelassay.redteam.campaign.units import Unit, UnitResult
from modelassay.redteam.campaign.writing import EXAMINATION, write_campaign

__all__ = [
    "EXAMINATION",
    "Campaign",
    "CampaignSettings",
    "Cast",
    "Journal",
    "Standing",
    "Unit",
    "UnitResult",
    "findings_of",
    "load_campaign",
    "run_campaign",
    "write_campaign",
]
