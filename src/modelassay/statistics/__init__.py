"""Statistics of the comparison and the gate: functions of numbers and arrays, without records or I/O.

Conventions everywhere: a paired table is given as counts ``n11, n10, n01, n00`` whose first index is the
baseline and second the candidate, 1 being the wanted outcome; a drop is baseline minus candidate, positive is
worse; *bounds* are one-sided, each at the confidence given, *intervals* two-sided. No function returns NaN;
where data say nothing, intervals are as wide as the scale and p-values are 1.
"""

from modelassay.statistics.agreement import (
    cohen_kappa,
    cohen_kappa_interval,
    gwet_ac1,
    krippendorff_alpha,
    krippendorff_alpha_interval,
)
from modelassay.statistics.betting import (
    BETS,
    Draws,
    Wealth,
    betting_interval,
    betting_interval_finite,
    draws_of,
    draws_of_clusters,
    draws_with_replacement,
    log_wealth,
)
from modelassay.statistics.changepoints import (
    ChangePoint,
    Segment,
    Segmentation,
    binomial_changepoints,
)
from modelassay.statistics.clusters import (
    DesignEffect,
    Moments,
    cluster_mean_interval,
    cluster_moments,
    design_effect,
)
from modelassay.statistics.cohorts import (
    Behind,
    Gap,
    Group,
    Widening,
    falling_behind,
    gap_interval,
    simultaneous_intervals,
    widening,
)
from modelassay.statistics.consistency import flip_rate, variance_shift_interval, within_prompt_variance
from modelassay.statistics.detection import (
    detection_probability,
    most_bad_undetected,
    sample_size_for_detection,
)
from modelassay.statistics.distributions import normal_quantile, student_quantile
from modelassay.statistics.drops import absolute_drop_bounds, relative_drop_bounds
from modelassay.statistics.e_values import (
    e_benjamini_hochberg,
    e_bonferroni,
    e_holm,
    intersection_union,
)
from modelassay.statistics.edges import EdgeShift, split_sample_edge_shift
from modelassay.statistics.graded import (
    fieller_ratio_bounds,
    graded_absolute_drop_bounds,
    graded_inferiority_difference_test,
    graded_inferiority_ratio_test,
    graded_noninferiority_difference_test,
    graded_noninferiority_ratio_test,
    graded_relative_drop_bounds,
)
from modelassay.statistics.group_alarm import ALARM_Z, GroupAlarm, group_alarm
from modelassay.statistics.group_differential import (
    Detector,
    Differential,
    GroupDifferences,
    adjusted_differential,
    corrected_differential,
    differences_of_counts,
    group_differences,
    reward_differential,
)
from modelassay.statistics.intervals import (
    Interval,
    clopper_pearson_interval,
    newcombe_difference_interval,
    wilson_interval,
)
from modelassay.statistics.joint_null import joint_p_values
from modelassay.statistics.misclassification import (
    JudgeAgreement,
    Share,
    TrueRate,
    informedness,
    judge_agreement,
    rogan_gladen,
)
from modelassay.statistics.multiplicity import benjamini_hochberg, holm
from modelassay.statistics.overoptimisation import (
    GaoFit,
    GaoForm,
    Slope,
    best_of_n_kl,
    gao_fit,
    group_rank_correlations,
    slope,
)
from modelassay.statistics.paired import (
    inferiority_difference_test,
    mcnemar_midp,
    newcombe_paired_interval,
    noninferiority_difference_test,
    tango_interval,
)
from modelassay.statistics.paired_ratio import (
    inferiority_ratio_test,
    noninferiority_ratio_test,
    tang_interval,
)
from modelassay.statistics.power import (
    PairedCells,
    paired_cells,
    required_observations,
    required_pairs,
    smallest_detectable_drop,
)
from modelassay.statistics.prediction_powered import (
    CorrectedMean,
    CorrectedPairs,
    corrected_moments,
    corrected_pairs,
    ppi_mean,
)
from modelassay.statistics.resampling import (
    FEW_CLUSTERS,
    SimultaneousBounds,
    bootstrap_ratio_bounds,
    cluster_sums,
    resampled_ratio_bounds,
    sign_flip_ratio_bounds,
    simultaneous_ratio_bounds,
)
from modelassay.statistics.residual import (
    Answers,
    Residuals,
    answers_counted,
    answers_of_tasks,
    rate_change_interval,
    residuals,
)
from modelassay.statistics.sequential import SequentialTest, sequential_paired_test
from modelassay.statistics.shrinkage import shrink_rates

__all__ = [
    "ALARM_Z",
    "BETS",
    "FEW_CLUSTERS",
    "Answers",
    "Behind",
    "ChangePoint",
    "CorrectedMean",
    "CorrectedPairs",
    "DesignEffect",
    "Detector",
    "Differential",
    "Draws",
    "EdgeShift",
    "GaoFit",
    "GaoForm",
    "Gap",
    "Group",
    "GroupAlarm",
    "GroupDifferences",
    "Interval",
    "JudgeAgreement",
    "Moments",
    "PairedCells",
    "Residuals",
    "Segment",
    "Segmentation",
    "SequentialTest",
    "Share",
    "SimultaneousBounds",
    "Slope",
    "TrueRate",
    "Wealth",
    "Widening",
    "absolute_drop_bounds",
    "adjusted_differential",
    "answers_counted",
    "answers_of_tasks",
    "benjamini_hochberg",
    "best_of_n_kl",
    "betting_interval",
    "betting_interval_finite",
    "binomial_changepoints",
    "bootstrap_ratio_bounds",
    "clopper_pearson_interval",
    "cluster_mean_interval",
    "cluster_moments",
    "cluster_sums",
    "cohen_kappa",
    "cohen_kappa_interval",
    "corrected_differential",
    "corrected_moments",
    "corrected_pairs",
    "design_effect",
    "detection_probability",
    "differences_of_counts",
    "draws_of",
    "draws_of_clusters",
    "draws_with_replacement",
    "e_benjamini_hochberg",
    "e_bonferroni",
    "e_holm",
    "falling_behind",
    "fieller_ratio_bounds",
    "flip_rate",
    "gao_fit",
    "gap_interval",
    "graded_absolute_drop_bounds",
    "graded_inferiority_difference_test",
    "graded_inferiority_ratio_test",
    "graded_noninferiority_difference_test",
    "graded_noninferiority_ratio_test",
    "graded_relative_drop_bounds",
    "group_alarm",
    "group_differences",
    "group_rank_correlations",
    "gwet_ac1",
    "holm",
    "inferiority_difference_test",
    "inferiority_ratio_test",
    "informedness",
    "intersection_union",
    "joint_p_values",
    "judge_agreement",
    "krippendorff_alpha",
    "krippendorff_alpha_interval",
    "log_wealth",
    "mcnemar_midp",
    "most_bad_undetected",
    "newcombe_difference_interval",
    "newcombe_paired_interval",
    "noninferiority_difference_test",
    "noninferiority_ratio_test",
    "normal_quantile",
    "paired_cells",
    "ppi_mean",
    "rate_change_interval",
    "relative_drop_bounds",
    "required_observations",
    "required_pairs",
    "resampled_ratio_bounds",
    "residuals",
    "reward_differential",
    "rogan_gladen",
    "sample_size_for_detection",
    "sequential_paired_test",
    "shrink_rates",
    "sign_flip_ratio_bounds",
    "simultaneous_intervals",
    "simultaneous_ratio_bounds",
    "slope",
    "smallest_detectable_drop",
    "split_sample_edge_shift",
    "student_quantile",
    "tang_interval",
    "tango_interval",
    "variance_shift_interval",
    "widening",
    "wilson_interval",
    "within_prompt_variance",
]
