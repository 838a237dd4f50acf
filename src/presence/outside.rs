//! Requests of ours outside any dialog: to each contact of a user, over the flow that the contact registered on.

use crate::base::{Random, Time};
use crate::registrar::{Binding, Bindings};
use crate::sip::{Builder, Method, Name, NameAddrBuf};

/// A request to `binding`, from `from` (a tag is added) to `to`.
pub(super) fn request(
    random: &mut Random,
    method: &Method,
    binding: &Binding,
    from: NameAddrBuf,
    to: &NameAddrBuf,
    max_forwards: u8,
) -> Builder {
    let request = Builder::request(method, binding.target().as_str());
    let request = binding.routes().fold(request, |request, route| request.header(Name::Route, route));
    request
        .display(Name::MaxForwards, max_forwards)
        .display(Name::From, from.with_tag(&random.token(12)))
        .display(Name::To, to)
        .header(Name::CallId, random.token(24))
        .header(Name::CSeq, format!("1 {method}"))
}

/// The contacts of `user`, each device once: of its flows (RFC 5626 §4.2) the preferred one.
pub(super) fn devices(now: Time, bindings: &Bindings, user: &str) -> Vec<Binding> {
    let mut devices: Vec<Binding> = Vec::new();
    for binding in bindings.lookup(now, user) {
        if !devices.iter().any(|known| known.is_flow_beside(&binding)) {
            devices.push(binding);
        }
    }
    devices
}
