//! The names of the reasons for which a datagram is refused, in the order of the checks.

use crate::refusal::Refusal;

/// A reason as the logs name it, and what a datagram must be to pass its check.
#[derive(Clone, Copy, Debug)]
pub struct Reason {
    /// In `requests.jsonl`, on the terminal, in the report.
    pub name: &'static str,
    /// In `check`.
    pub condition: &'static str,
}

/// The reasons in the order of the checks; [`Refusal`] has the same.
pub const REASONS: [Reason; 18] = [
    reason("lost_on_purpose", "not discarded by --lose or --trial"),
    reason("too_large", "the datagram has at most 4,096 bytes"),
    reason("not_a_jws", "three parts with dots between them"),
    reason("bad_base64", "each part is canonical base64url, without padding"),
    reason("bad_header", "the header is a JSON object"),
    reason("wrong_alg", "alg is RS256"),
    reason("unsupported_crit", "there is no crit"),
    reason("bad_payload", "the payload is a JSON object"),
    reason("unknown_group", "claim group is a group of the table"),
    reason("no_key", "the group has a usable key"),
    reason("bad_signature", "the signature verifies with the group's key"),
    reason("bad_claim", "seq_number, matricula, seq_max, exp and nbf are of their types"),
    reason("expired", "exp is still to come"),
    reason("not_yet_valid", "nbf has passed"),
    reason("wrong_audience", "there is no aud"),
    reason("out_of_order", "seq_number is the next one, the last one again, or 0"),
    reason("not_recorded", "the message is recorded"),
    reason("not_sent", "the reply is sent"),
];

const fn reason(name: &'static str, condition: &'static str) -> Reason {
    Reason { name, condition }
}

/// What follows the name of a reason at the beginning of a text.
pub fn after_reason(text: &[u8]) -> Option<&[u8]> {
    REASONS.iter().find_map(|reason| text.strip_prefix(reason.name.as_bytes()))
}

/// A refusal's place in [`REASONS`].
pub fn place(refusal: &Refusal) -> usize {
    match refusal {
        Refusal::LostOnPurpose(..) => 0,
        Refusal::TooLarge(_) => 1,
        Refusal::NotAJws(_) => 2,
        Refusal::BadBase64(..) => 3,
        Refusal::BadHeader(_) => 4,
        Refusal::WrongAlg(_) => 5,
        Refusal::UnsupportedCrit => 6,
        Refusal::BadPayload(_) => 7,
        Refusal::UnknownGroup(_) => 8,
        Refusal::NoKey => 9,
        Refusal::BadSignature(..) => 10,
        Refusal::BadClaim(..) => 11,
        Refusal::Expired(_) => 12,
        Refusal::NotYetValid(_) => 13,
        Refusal::WrongAudience(_) => 14,
        Refusal::OutOfOrder(..) => 15,
        Refusal::NotRecorded(_) => 16,
        Refusal::NotSent(_) => 17,
    }
}

/// The name of a refusal's reason.
pub fn name(refusal: &Refusal) -> &'static str {
    REASONS[place(refusal)].name
}

/// Whether a message refused for the reason of this name had a signature that verified.
pub fn is_signed(name: &str) -> bool {
    REASONS
        .iter()
        .skip_while(|reason| reason.name != "bad_signature")
        .skip(1)
        .any(|reason| reason.name == name)
}
