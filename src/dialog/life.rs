//! One dialog: RFC 3261 §12, with the flow its messages take.
//!
//! Invariant: `local_seq` is the number of the last request that we built, `remote_seq` of the last that we took; both only rise.

use std::net::SocketAddr;

use bytes::Bytes;

use super::id::Id;
use crate::base::{Time, bounds};
use crate::sip::{Builder, Flow, Message, Method, Name, NameAddr, Refusal, Scheme, Uri, UriBuf, escape_user};
use crate::transaction::{ClientKey, Layer, Unsent};

/// How far a dialog has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Made by a provisional response.
    Early,
    /// Made or confirmed by a 2xx.
    Confirmed,
}

/// A request in the dialog is older than one already taken: answer 500 (RFC 3261 §12.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("request is out of order")]
pub struct Late;

/// One dialog.
#[derive(Clone)]
pub struct Dialog {
    id: Id,
    phase: Phase,
    we_invited: bool,
    /// Our From (or To) value with our tag.
    local: Box<[u8]>,
    /// The peer's, as it came.
    remote: Box<[u8]>,
    local_seq: u32,
    remote_seq: Option<u32>,
    /// The number of the peer's last INVITE: its ACK carries it too.
    remote_invite: Option<u32>,
    /// The remote target.
    target: UriBuf,
    /// Route values in the order in which our requests carry them.
    routes: Vec<Box<str>>,
    /// Our Contact value.
    contact: Box<str>,
    flow: Flow,
    /// The ACK of our last INVITE's 2xx, for when that 2xx comes again.
    ack: Option<(u32, Bytes)>,
    /// The proof of our last INVITE, which its ACK repeats.
    proof: Option<(Name<'static>, Box<str>)>,
}

/// A Contact value under which the peer reaches us over `flow`: `<sip:user@address;transport=tcp>`.
pub fn contact(user: Option<&str>, flow: &Flow) -> String {
    let user = user.map(|user| escape_user(user) + "@").unwrap_or_default();
    let transport = flow.transport.as_str().to_ascii_lowercase();
    match flow.transport.is_reliable() {
        true => format!("<sip:{user}{};transport={transport}>", flow.local),
        false => format!("<sip:{user}{}>", flow.local),
    }
}

/// The Contact value of the dialog that a request to `uri` begins: `sips` where the URI is (RFC 3261 §12.1.1, RFC 5630 §5.1.1).
pub fn contact_for(uri: Option<Uri<'_>>, flow: &Flow) -> String {
    match uri.map(|uri| uri.scheme()) {
        Some(Scheme::Sips) if flow.transport.is_secure() => format!("<sips:{}>", flow.local),
        _ => contact(None, flow),
    }
}

/// Whether `status` to a request within a dialog ends the dialog with all its uses (RFC 3261 §12.2.1.2, RFC 5057 §5.1).
pub const fn ends_dialog(status: u16) -> bool {
    matches!(status, 404 | 408 | 410 | 416 | 481 | 482 | 483 | 484 | 485 | 502 | 604)
}

/// How it begins.
impl Dialog {
    /// The dialog of an INVITE that came to us: early until [`Dialog::confirm`]. `tag` is ours ([`Layer::local_tag`]), `contact`
    /// our Contact value ([`contact`]).
    ///
    /// # Errors
    /// [`Refusal`] 400 when From, To, Call-ID or CSeq cannot be read, Contact is missing, or the route set is longer than
    /// [`bounds::ROUTES`].
    pub fn answering(invite: &Message, flow: Flow, tag: &str, contact: &str) -> Result<Dialog, Refusal> {
        let refuse = |why, header| Refusal { status: 400, why, header, message: Some(invite.clone()) };
        let broken = || refuse("Request cannot begin a dialog", None);
        let (from, to) = (invite.from().ok_or_else(broken)?, invite.header(Name::To).ok_or_else(broken)?);
        let target = target_of(invite).ok_or_else(|| refuse("Contact is missing", Some(Name::Contact)))?;
        let routes = routes_of(invite).ok_or_else(|| refuse("Too many routes", Some(Name::RecordRoute)))?;
        let call_id = invite.call_id().ok_or_else(broken)?;
        let number = invite.cseq().ok_or_else(broken)?.number;
        Ok(Dialog {
            id: Id::new(call_id, tag, from.tag().unwrap_or("")),
            phase: Phase::Early,
            we_invited: false,
            local: tagged(to, tag),
            remote: invite.header(Name::From).ok_or_else(broken)?.into(),
            local_seq: 0,
            remote_seq: Some(number),
            remote_invite: Some(number),
            flow: way_ahead(flow, invite, routes.first().map(|r| &**r), &target),
            target,
            routes,
            contact: contact.into(),
            ack: None,
            proof: None,
        })
    }

    /// The dialog that a response with a To tag makes of an INVITE of ours. `None` when the response makes none (no To tag, unreadable,
    /// route set too long).
    pub(super) fn asking(
        response: &Message,
        flow: Flow,
        target: &UriBuf,
        seq: u32,
        contact: &str,
    ) -> Option<Dialog> {
        let mut routes = routes_of(response)?;
        routes.reverse();
        Some(Dialog {
            id: Id::of_response(response)?,
            phase: if response.status()? < 200 { Phase::Early } else { Phase::Confirmed },
            we_invited: true,
            local: response.header(Name::From)?.into(),
            remote: response.header(Name::To)?.into(),
            local_seq: seq,
            remote_seq: None,
            remote_invite: None,
            target: target_of(response).unwrap_or_else(|| target.clone()),
            routes,
            contact: contact.into(),
            flow,
            ack: None,
            proof: None,
        })
    }

    /// A 2xx was sent or received. From a received one the route set and the target are taken anew (RFC 3261 §13.2.2.4).
    pub fn confirm(&mut self, received: Option<&Message>) {
        if let Some(response) = received {
            if let (Phase::Early, Some(mut routes)) = (self.phase, routes_of(response)) {
                routes.reverse();
                self.routes = routes;
            }
            self.refresh(response);
        }
        self.phase = Phase::Confirmed;
    }
}

/// What it is.
impl Dialog {
    /// Its identity.
    pub fn id(&self) -> &Id {
        &self.id
    }

    /// How far it has come.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether it began with an INVITE of ours. The one who invited owns the Call-ID (for [`super::glare_wait`]).
    pub fn we_invited(&self) -> bool {
        self.we_invited
    }

    /// The path that our requests take.
    pub fn flow(&self) -> Flow {
        self.flow
    }

    /// Another path for our requests: the stream that the dialog used is gone.
    pub fn set_flow(&mut self, flow: Flow) {
        self.flow = flow;
    }

    /// The address in the peer's contact (or first route), if it is one: where a new stream to it would lead.
    pub fn target_address(&self) -> Option<SocketAddr> {
        let route = self.routes.first().and_then(|route| NameAddr::parse(route.as_bytes()).ok());
        let hop: Uri<'_> = route.map_or_else(|| self.target.view(), |route| route.uri());
        Some(SocketAddr::new(hop.host()?.ip()?, hop.port_or_default()))
    }

    /// The peer's contact.
    pub fn target(&self) -> &UriBuf {
        &self.target
    }

    /// Our Contact value: for the 1xx and 2xx that make or refresh the dialog.
    pub fn contact(&self) -> &str {
        &self.contact
    }

    /// Whether `flow` leads to the peer's address. A request that knows the tags but comes from elsewhere is to be challenged before
    /// it is believed (a phone that changed its network can prove itself, a stranger who sniffed the tags cannot).
    pub fn is_peer(&self, flow: &Flow) -> bool {
        self.flow.remote.ip() == flow.remote.ip()
    }
}

/// What comes in.
impl Dialog {
    /// Takes a request (not ACK, not CANCEL) that belongs to this dialog, from a peer who is believed: checks its order, notes its
    /// flow and, when it refreshes the target, its Contact.
    ///
    /// # Errors
    /// [`Late`]; then nothing changed.
    pub fn take(&mut self, request: &Message, flow: Flow) -> Result<(), Late> {
        let number = request.cseq().ok_or(Late)?.number;
        // DEVIATES: RFC 3261 §12.2.2 refuses lower numbers only. An equal one in another transaction is a replay.
        if self.remote_seq.is_some_and(|last| number <= last) {
            return Err(Late);
        }
        self.remote_seq = Some(number);
        if request.is(&Method::Invite) {
            self.remote_invite = Some(number);
        }
        if request.method().is_some_and(refreshes_target) {
            self.refresh(request);
        }
        self.flow = way_ahead(flow, request, self.routes.first().map(|r| &**r), &self.target);
        Ok(())
    }

    /// Whether `ack` acknowledges the peer's last INVITE that was taken, and not an older one.
    pub fn is_acknowledged_by(&self, ack: &Message) -> bool {
        ack.cseq().is_some_and(|cseq| Some(cseq.number) == self.remote_invite)
    }

    /// Notes a response to a request of ours in the dialog: a 2xx to one that refreshes the target brings the peer's new contact.
    pub fn note(&mut self, response: &Message) {
        let success = response.status().is_some_and(|status| (200..300).contains(&status));
        if success && response.cseq().is_some_and(|cseq| refreshes_target(&cseq.method)) {
            self.refresh(response);
        }
    }

    fn refresh(&mut self, message: &Message) {
        if let Some(target) = target_of(message) {
            self.target = target;
        }
    }
}

/// What goes out.
impl Dialog {
    /// A new request with the next CSeq: Request-URI and Route by the route set (RFC 3261 §12.2.1.1), From, To, Call-ID, CSeq,
    /// Max-Forwards and, where it belongs, Contact. Send it with [`Layer::request`] over [`Dialog::flow`].
    pub fn request(&mut self, method: &Method) -> Builder {
        let seq = self.next_seq();
        let request = self.bare(method, seq);
        match refreshes_target(method) {
            true => request.header(Name::Contact, self.contact.as_bytes()),
            false => request,
        }
    }

    /// The CSeq number of the last request that [`Dialog::request`] built (or of the INVITE that began the dialog).
    pub fn last_seq(&self) -> u32 {
        self.local_seq
    }

    /// The next CSeq number, for a request that is written anew (a challenge has to be answered).
    pub fn next_seq(&mut self) -> u32 {
        self.local_seq = self.local_seq.saturating_add(1);
        self.local_seq
    }

    /// Our INVITE was proved with this field: its ACK carries it too (RFC 3261 §22.1).
    pub fn vouch(&mut self, name: Name<'static>, value: &str) {
        self.proof = Some((name, value.into()));
    }

    /// Sends the ACK of the 2xx to the INVITE with CSeq number `seq`, with an answer in it when the 2xx held the offer.
    pub fn acknowledge(&mut self, layer: &mut Layer, seq: u32, sdp: Option<Bytes>) {
        let mut ack = self.bare(&Method::Ack, seq);
        if let Some((name, value)) = self.proof.take() {
            ack = ack.header(name, &*value);
        }
        if let Some(sdp) = sdp {
            ack = ack.body("application/sdp", sdp);
        }
        self.ack = Some((seq, layer.send_ack(self.flow, ack)));
    }

    /// Sends the same ACK again when `response`, a 2xx to INVITE, came again; says whether it had been acknowledged.
    pub fn acknowledge_again(&self, layer: &mut Layer, response: &Message) -> bool {
        match (&self.ack, response.cseq()) {
            (Some((seq, ack)), Some(cseq)) if *seq == cseq.number => {
                layer.send_again(self.flow, ack.clone());
                true
            }
            _ => false,
        }
    }

    /// A BYE; `reason` is the value of a Reason header (RFC 3326).
    pub fn bye(&mut self, reason: Option<&str>) -> Builder {
        let bye = self.request(&Method::Bye);
        match reason {
            Some(reason) => bye.header(Name::Reason, reason),
            None => bye,
        }
    }

    /// Sends a BYE, as [`Dialog::bye`].
    ///
    /// # Errors
    /// As [`Layer::request`].
    pub fn hang_up(
        &mut self,
        now: Time,
        layer: &mut Layer,
        reason: Option<&str>,
    ) -> Result<ClientKey, Unsent> {
        let bye = self.bye(reason);
        layer.request(now, self.flow, bye)
    }

    fn bare(&self, method: &Method, seq: u32) -> Builder {
        let target = request_target(&self.target);
        let first = self.routes.first().and_then(|route| NameAddr::parse(route.as_bytes()).ok());
        let mut request = match first {
            // A strict router (RFC 2543) takes its own address as Request-URI and ours as the last route.
            Some(first) if !first.uri().params().has("lr") => {
                let request = Builder::request(method, request_target(&first.uri().into()).as_str());
                let rest = self.routes.iter().skip(1);
                let request =
                    rest.fold(request, |request, route| request.header(Name::Route, route.as_bytes()));
                request.header(Name::Route, format!("<{}>", target.as_str()))
            }
            _ => {
                let request = Builder::request(method, target.as_str());
                self.routes
                    .iter()
                    .fold(request, |request, route| request.header(Name::Route, route.as_bytes()))
            }
        };
        request = request
            .header(Name::MaxForwards, "70")
            .header(Name::From, &self.local)
            .header(Name::To, &self.remote);
        request.header(Name::CallId, self.id.call_id()).header(Name::CSeq, format!("{seq} {method}"))
    }
}

/// Target refresh requests: RFC 3261 §12.2, RFC 3311, RFC 6665, RFC 3515.
fn refreshes_target(method: &Method) -> bool {
    matches!(method, Method::Invite | Method::Update | Method::Subscribe | Method::Notify | Method::Refer)
}

/// The contact that a message gives.
fn target_of(message: &Message) -> Option<UriBuf> {
    message.contacts().next().map(|contact| contact.uri().into())
}

/// The Record-Route values; `None` when there are more than [`bounds::ROUTES`] or one is not text.
fn routes_of(message: &Message) -> Option<Vec<Box<str>>> {
    let routes: Option<Vec<Box<str>>> = message
        .list(Name::RecordRoute)
        .take(bounds::ROUTES + 1)
        .map(|route| std::str::from_utf8(route).ok().map(Into::into))
        .collect();
    routes.filter(|routes| routes.len() <= bounds::ROUTES)
}

/// `value` of a To header with our tag.
fn tagged(value: &[u8], tag: &str) -> Box<[u8]> {
    match NameAddr::parse(value).ok().and_then(|to| to.tag().map(|_| ())) {
        Some(()) => value.into(),
        None => [value, b";tag=", tag.as_bytes()].concat().into_boxed_slice(),
    }
}

/// Without what may not stand in a Request-URI: headers, and the parameter `method` (RFC 3261 §19.1.5).
fn request_target(uri: &UriBuf) -> UriBuf {
    let view = uri.view();
    if view.headers().is_none() && !view.params().has("method") {
        return uri.clone();
    }
    let whole = uri.as_str().split_once('?').map_or(uri.as_str(), |(front, _)| front);
    let is_method =
        |part: &str| part.split('=').next().is_some_and(|name| name.eq_ignore_ascii_case("method"));
    let (front, params) = whole.rsplit_once('@').map_or(("", whole), |(user, rest)| (user, rest));
    let kept: Vec<&str> =
        params.split(';').enumerate().filter(|(i, p)| *i == 0 || !is_method(p)).map(|(_, p)| p).collect();
    let text = if front.is_empty() { kept.join(";") } else { format!("{front}@{}", kept.join(";")) };
    UriBuf::new(text).unwrap_or_else(|_| uri.clone())
}

/// The path of our requests to a peer whose `message` came over `flow`: back over the flow, since names are not resolved and private
/// addresses mean nothing here; but a peer without `rport`, whose next hop is the very address it sent from, listens on the port
/// it names (some send from another).
fn way_ahead(flow: Flow, message: &Message, route: Option<&str>, target: &UriBuf) -> Flow {
    let asks_back = message.top_via().is_some_and(|via| via.wants_rport());
    let route = route.and_then(|route| NameAddr::parse(route.as_bytes()).ok());
    let hop: Uri<'_> = route.map_or_else(|| target.view(), |route| route.uri());
    let mut ahead = flow;
    if !flow.transport.is_reliable()
        && !asks_back
        && hop.host().and_then(|h| h.ip()) == Some(flow.remote.ip())
    {
        ahead.remote.set_port(hop.port_or_default());
    }
    ahead
}

impl std::fmt::Debug for Dialog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Dialog({:?} {:?})", self.id, self.phase)
    }
}
