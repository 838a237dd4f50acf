//! Requests of ours outside any dialog: to each contact of a user, over the flow that the contact registered on.

use crate::base::Random;
use crate::registrar::Binding;
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
    Builder::request(method, binding.target().as_str())
        .display(Name::MaxForwards, max_forwards)
        .display(Name::From, from.with_tag(&random.token(12)))
        .display(Name::To, to)
        .header(Name::CallId, random.token(24))
        .header(Name::CSeq, format!("1 {method}"))
}
