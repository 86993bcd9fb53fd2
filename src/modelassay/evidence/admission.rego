# Which verdict lets which weights in, as a Rego policy for OPA and its kin.
#
# Written by `modelassay admit --emit-rego`. There are positive rules only: `allow` holds when every condition
# is proved. What is missing, malformed or not known to the engine proves nothing, so it refuses.
#
# Rego checks no signatures here. `input.statement` and `input.revocations` must be payloads of envelopes
# that were verified before (modelassay verify, slsa-verifier, cosign, openssl), `input.payload` the SHA-256
# of the statement's bytes, and `input.subjects` digests taken from the files that will be loaded.
#
# input:
#   statement    the verdict: in-toto statement, parsed
#   payload      "sha256:" and the SHA-256 of its bytes
#   composition  what will be deployed: model, adapters in order, tokenizer, ... as digests
#   subjects     {name, digest: {sha256}} of SHA256SUMS and every file of the model's folder, and of those of
#                each adapter as ADAPTER/FILE
#   acceptances  risk acceptances of a verdict of deploy-monitored: what persons signed, verified and logged
#   revocations  the list of standing and withdrawn verdicts, parsed
#   target       where it goes
#   now          seconds since 1970-01-01T00:00:00Z
package modelassay.admission

import rego.v1

default allow := false

policy := data.modelassay.policy

summary := input.statement.predicate

facts := summary["urn:modelassay:verdict:1"]

allow if {
	is_verdict
	right_place
	right_policy
	valid_now
	allowed_outcome
	right_weights
	standing
	young
}

is_verdict if {
	input.statement._type == "https://in-toto.io/Statement/v1"
	input.statement.predicateType == "https://slsa.dev/verification_summary/v1"
	summary.verificationResult == "PASSED"
}

right_place if {
	summary.resourceUri == input.target
	input.target == policy.target
}

right_policy if {
	policy.any_policy == true
}

right_policy if {
	some digest in policy.policy_digests
	digest == concat(":", ["sha256", summary.policy.digest.sha256])
}

valid_now if {
	is_number(input.now)
	midnight(facts.issued) <= input.now + policy.clock_skew_s
	input.now < midnight(facts.expires)
}

allowed_outcome if {
	facts.outcome == "deploy"
	some outcome in policy.outcomes
	outcome == "deploy"
}

# Somebody must have accepted the risk, in a word that was verified before and still holds.
allowed_outcome if {
	facts.outcome == "deploy-monitored"
	some outcome in policy.outcomes
	outcome == "deploy-monitored"
	some acceptance in input.acceptances
	acceptance.verdict == input.payload
	input.now < midnight(acceptance.expires)
}

# Every file that will be loaded was audited, every audited file is there, and nothing else decides the answers.
right_weights if {
	facts.composition.strength == "weights"
	facts.composition.model == input.composition.model
	facts.composition.adapters == input.composition.adapters
	facts.composition.tokenizer == input.composition.tokenizer
	facts.composition.chat_template == input.composition.chat_template
	facts.composition.system_prompt == input.composition.system_prompt
	facts.composition.quantisation == input.composition.quantisation
	facts.composition.generation_config == input.composition.generation_config
	audited_files == deployed_files
	count(deployed_files) > 1
}

audited_files := {line |
	some subject in input.statement.subject
	line := concat("  ", [subject.digest.sha256, subject.name])
}

deployed_files := {line |
	some subject in input.subjects
	line := concat("  ", [subject.digest.sha256, subject.name])
}

standing if {
	some issued in input.revocations.standing.issued
	issued.payload == input.payload
	issued.place.seq < input.revocations.standing.size
	issued.outcome == facts.outcome
	right_line(issued)
	is_array(input.revocations.standing.withdrawn)
	every withdrawn in input.revocations.standing.withdrawn {
		withdrawn.payload != input.payload
	}
	every other in input.revocations.standing.issued {
		refuses_nothing(other, issued)
	}
}

# Another verdict on the same model goes before this one when it blocks, or is a later review, and stands.
refuses_nothing(other, issued) if {
	other.candidate != issued.candidate
}

refuses_nothing(other, _) if {
	other.payload == input.payload
}

refuses_nothing(other, _) if {
	policy.line != ""
	other.line != policy.line
}

refuses_nothing(other, _) if {
	some withdrawn in input.revocations.standing.withdrawn
	withdrawn.payload == other.payload
	withdrawn.seq < input.revocations.standing.size
}

refuses_nothing(other, _) if {
	some outcome in ["deploy", "deploy-monitored", "inconclusive"]
	outcome == other.outcome
}

refuses_nothing(other, issued) if {
	other.outcome == "review"
	other.place.seq < issued.place.seq
}

right_line(_) if {
	policy.line == ""
}

right_line(issued) if {
	issued.line == policy.line
}

young if {
	drawn_up := instant(input.revocations.time)
	drawn_up <= input.now + policy.clock_skew_s
	input.now - drawn_up <= policy.max_age_s
}

# Days since 1970-01-01 of a date in the proleptic Gregorian calendar, in whole numbers; engines differ in
# their builtins for time, and one that lacks a builtin must refuse. Years begin in March here, so that the
# leap day is the last of its year.
days(year, month, day) := (((((365 * year) + floor(year / 4)) - floor(year / 100)) + floor(year / 400)) + before[month - 1]) + (day - 719469)

before := [306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275]

march_year(year, month) := started if {
	month > 2
	started := year
}

march_year(year, month) := started if {
	month <= 2
	started := year - 1
}

# A leading 1, so that no number begins with 0: engines read "08" in different ways.
two_digits(text, start) := to_number(concat("", ["1", substring(text, start, 2)])) - 100

midnight(date) := seconds if {
	regex.match(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`, date)
	year := to_number(concat("", ["1", substring(date, 0, 4)])) - 10000
	month := two_digits(date, 5)
	day := two_digits(date, 8)
	started := march_year(year, month)
	seconds := 86400 * days(started, month, day)
}

instant(time) := midnight(substring(time, 0, 10)) + (((3600 * hour) + (60 * minute)) + second) if {
	regex.match(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$`, time)
	hour := two_digits(time, 11)
	minute := two_digits(time, 14)
	second := two_digits(time, 17)
}
