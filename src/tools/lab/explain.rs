//! `--explain`: a signed request that is refused is answered with the reason.

use crate::claims::REPLY_HEADER;
use crate::jws;
use crate::server::{Class, Event};
use crate::tools::terminal::{json_string, refusals};

/// Gives the event of a signed request that was refused a reply that says why. The detail is cut so that
/// the reply stays smaller than the request: a forged address gains nothing by it.
pub fn explain(class: &Class, event: &mut Event) {
    let (Some(id_request), Some(Err(refusal))) = (&event.id_request, &event.outcome) else { return };
    if refusals::place(refusal) == 0 {
        return; // what is lost is lost
    }
    let error = refusals::name(refusal);
    let (number, timestamp) = (event.otp.number, event.otp.timestamp);
    let mut detail = refusals::detail(refusal);
    loop {
        let quoted = json_string(&detail);
        let payload = format!(
            r#"{{"id_request":"{id_request}","error":"{error}","detail":{quoted},"otp_number":{number},"otp_timestamp":{timestamp}}}"#
        );
        let reply = jws::sign(REPLY_HEADER, &payload, &class.secret);
        if reply.len() < event.datagram.len() || detail.pop().is_none() {
            event.reply = Some(reply);
            return;
        }
    }
}
