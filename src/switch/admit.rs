//! Requests that would start something: who may, and what begins.
//!
//! Invariant: nothing but OPTIONS to the switch itself is served to a peer that has not proven who it is, and no answer before that proof depends on
//! whether an account exists.

use std::sync::Arc;

use crate::base::{CallId, Masked, Time, bounds, presentable};
use crate::call::{self, Call, Desk, Device, Incoming, Offer};
use crate::config::Feature;
use crate::dialog::{Dialog, Replaces, SessionTimer, contact_for, refresh};
use crate::plan::{Facts, Origin, Program, Record, RouteId};
use crate::registrar::{Account, Binding, Refused, Verdict};
use crate::sip::{Builder, Flow, Message, Method, Name};
use crate::transaction::ServerKey;

use super::checks::{self, ALLOW};
use super::settings;
use super::{Output, Switch};

impl Switch {
    /// A new request: within a dialog it goes to its call, else it is checked, its sender asked for proof, and served.
    pub(super) fn on_request(&mut self, now: Time, flow: Flow, key: ServerKey, message: Message) {
        if message.to_tag().is_some() {
            return self.on_request_within(now, flow, key, message);
        }
        if let Err(refused) = checks::check(&message, &flow) {
            let reply = self.layer.reply(key, refused.status);
            let reply = reply.map(|reply| match &refused.header {
                Some((name, value)) => reply.header(*name, value),
                None => reply,
            });
            return self.refuse(now, key, reply);
        }
        match message.method() {
            Some(Method::Options) => self.on_options(now, key, &message),
            Some(Method::Register) => self.on_register(now, flow, key, &message),
            Some(Method::Invite) => self.on_invite(now, flow, key, message),
            Some(Method::Subscribe | Method::Publish | Method::Message) => {
                self.on_event_request(now, flow, key, &message)
            }
            // These only make sense within a dialog, and there is none.
            Some(Method::Bye | Method::Info | Method::Update | Method::Prack | Method::Notify) => {
                if self.proven(now, key, &message).is_some() {
                    let reply = self.layer.reply(key, 481);
                    self.refuse(now, key, reply);
                }
            }
            Some(Method::Refer) => self.on_refer(now, flow, key, &message),
            _ => self.on_unserved(now, key, &message),
        }
    }

    /// RFC 3261 §11.2. What the switch can do is told to anybody, so that probes and other switches see it alive; whoever asks after a
    /// user has to prove who asks.
    fn on_options(&mut self, now: Time, key: ServerKey, message: &Message) {
        if message.request_uri().is_some_and(|uri| uri.user().is_some()) {
            if message.max_forwards() == Some(0) {
                let reply = self.layer.reply(key, 483);
                return self.refuse(now, key, reply);
            }
            if self.proven(now, key, message).is_none() {
                return;
            }
        }
        let reply = self.layer.reply(key, 200).map(|reply| {
            reply
                .header(Name::Allow, ALLOW)
                .header(Name::Accept, "application/sdp")
                .header(Name::Supported, call::SUPPORTED)
                .header(Name::AcceptEncoding, "identity")
        });
        self.refuse(now, key, reply);
    }

    /// A method that the switch knows and does not serve: said only to those who may ask.
    fn on_unserved(&mut self, now: Time, key: ServerKey, message: &Message) {
        if self.proven(now, key, message).is_some() {
            let reply = self.layer.reply(key, 405).map(|reply| reply.header(Name::Allow, ALLOW));
            self.refuse(now, key, reply);
        }
    }

    fn on_register(&mut self, now: Time, flow: Flow, key: ServerKey, message: &Message) {
        let Some(account) = self.proven(now, key, message) else { return };
        let claims = user_of(message.to().map(|to| to.uri()));
        if !claims.is_some_and(|user| account.may_claim(&user)) {
            let reply = self.layer.reply(key, 403);
            return self.refuse(now, key, reply);
        }
        let registered = self.bindings.register(now, &account.name, message, flow);
        if registered.is_ok() {
            self.with_events(now, |events, desk| events.contacts_changed(desk, &account.name));
        }
        let reply = match registered {
            Ok(_) => {
                self.layer.reply(key, 200).map(|reply| self.registered(now, &account.name, message, reply))
            }
            Err(refused) => self.layer.reply(key, refused.status()).map(|reply| match refused {
                Refused::TooBrief => reply.display(Name::MinExpires, self.bindings.rules().least.as_secs()),
                Refused::NoOutbound => reply.reason("First Hop Lacks Outbound Support"),
                _ => reply,
            }),
        };
        if let Some(reply) = reply {
            self.layer.respond(now, key, reply.header(Name::Date, self.date(now)));
        }
    }

    /// What a successful answer to REGISTER tells: every contact, with the device names of those who support them (RFC 5627 §5.3),
    /// the Path as it was taken (RFC 3327 §5.3), and that flows are kept (RFC 5626 §6).
    fn registered(&self, now: Time, user: &str, message: &Message, reply: Builder) -> Builder {
        let gruu = message.lists(Name::Supported, "gruu");
        let listed = |binding: &Binding| match gruu {
            true => binding.listed_with_gruus(now, user, &self.node.realm),
            false => binding.listed(now),
        };
        let bound = || self.bindings.live(now, user);
        let reply = bound().fold(reply, |reply, binding| reply.header(Name::Contact, listed(binding)));
        let reply = reply.header(Name::Supported, checks::SUPPORTED.join(", "));
        let reply =
            if message.lists(Name::Supported, "path") { reply.copy(message, Name::Path) } else { reply };
        let ours = |binding: &Binding| {
            binding.reg_id.is_some() && message.contacts().any(|c| binding.contact == c.uri().into())
        };
        match bound().any(ours) {
            true => reply.header(Name::Require, "outbound"),
            false => reply,
        }
    }

    /// RFC 3261 §20.17: how phones without a clock learn the time.
    fn date(&self, now: Time) -> String {
        jiff::Timestamp::from_microsecond(self.wall(now).as_micros())
            .map(|at| at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
            .unwrap_or_default()
    }

    fn on_invite(&mut self, now: Time, flow: Flow, key: ServerKey, message: Message) {
        if self.trunks.recognise(&flow).is_some() {
            let incoming = self.incoming_over_trunk(now, flow, key, &message);
            return self.begin_or_refuse(now, key, incoming);
        }
        let Some(account) = self.proven(now, key, &message) else { return };
        if let Some(feature) = dialled(&message).and_then(|dialled| self.features.of(&dialled)) {
            if !matches!(feature, Feature::Set(..) | Feature::CallBack(_)) {
                return self.on_feature(now, flow, key, &message, &account, &feature);
            }
            let begun = self.incoming(now, flow, key, &message, &account, true);
            let begun = begun.and_then(|begun| self.carry_out(now, &account, &feature).map(|()| begun));
            return self.begin_or_refuse(now, key, begun);
        }
        match Replaces::of(&message) {
            Ok(None) => {}
            Ok(Some(replaces)) => return self.on_replaces(now, flow, key, &message, &account, &replaces),
            Err(_) => {
                let reply = self.layer.reply(key, 400);
                return self.refuse(now, key, reply);
            }
        }
        let begun = self.incoming(now, flow, key, &message, &account, false);
        if let Ok(incoming) = &begun {
            self.memories.dialled(&account.name, &incoming.facts.dialled);
        }
        self.begin_or_refuse(now, key, begun);
    }

    fn begin_or_refuse(&mut self, now: Time, key: ServerKey, begun: Result<Incoming, (u16, &'static str)>) {
        match begun {
            Ok(incoming) => self.begin(now, key, incoming),
            Err((status, why)) => {
                self.out.extend(self.layer.asked(key).map(|invite| Output::Refused {
                    caller: shown(invite.from().map(|from| from.uri())),
                    dialled: shown(invite.request_uri()),
                    status,
                    why,
                }));
                let reply = self.layer.reply(key, status).map(|reply| match status {
                    503 => reply.header(Name::RetryAfter, "10"),
                    422 => reply.display(Name::MinSe, refresh::MIN_SE_S),
                    _ => reply,
                });
                self.refuse(now, key, reply);
            }
        }
    }

    /// Everything that must hold before a call begins. One that `confirms` a code runs no plan.
    fn incoming(
        &mut self,
        now: Time,
        flow: Flow,
        key: ServerKey,
        message: &Message,
        account: &Arc<Account>,
        confirms: bool,
    ) -> Result<Incoming, (u16, &'static str)> {
        let from = message.from().ok_or((400, "no From"))?;
        let claimed = user_of(Some(from.uri())).filter(|user| account.may_claim(user));
        let claimed = claimed.ok_or((403, "From is not the authenticated user"))?;
        if message.call_id().is_some_and(|id| self.index.rings_with(id)) {
            return Err((482, "a call of ours came back"));
        }
        if self.draining || self.calls.len() >= bounds::CALLS {
            return Err((503, "no room for another call"));
        }
        let (dialled, device) = self.dialled(message).ok_or((404, "nobody is dialled"))?;
        let dialled = match self.features.again(&dialled) {
            Some(again) => {
                let number = self.memories.again(&account.name, again);
                number.ok_or((404, "there is no number to dial again"))?.reveal().to_string()
            }
            None => dialled,
        };
        let dialled = self.veils.lift(&dialled).map_or(dialled, |number| number.reveal().to_string());
        let intercom = self.features.intercom(&dialled).filter(|_| !confirms).map(str::to_string);
        let answers_itself = intercom.is_some();
        let dialled = intercom.unwrap_or(dialled);
        let codes = self.codes.as_ref().filter(|_| confirms);
        let (program, number) =
            codes.map_or((&self.program, dialled.as_str()), |codes| (codes, settings::DONE));
        let route = program.route_during(self.emergency.as_deref(), &Origin::Users, number);
        let (program, route) = (Arc::clone(program), route.ok_or((404, "no route"))?);
        let caller = if claimed == account.name { account.numbers.first().cloned() } else { None };
        let facts = Facts {
            caller: Masked::new(caller.unwrap_or(claimed)),
            dialled: Masked::new(dialled),
            display: Masked::new(presentable(&account.display, bounds::DISPLAY_CHARS)),
            origin: Origin::Users,
            wall: self.wall(now),
        };
        let caller_name = Masked::new(&account.name);
        let call =
            self.opened(now, flow, key, message, caller_name, facts, device, (program, route), confirms)?;
        Ok(Incoming { answers_itself, ..call })
    }

    /// A call over a trunk: its number and its caller's are put into the plan's form, and it may go where a route `from trunk` leads.
    fn incoming_over_trunk(
        &mut self,
        now: Time,
        flow: Flow,
        key: ServerKey,
        message: &Message,
    ) -> Result<Incoming, (u16, &'static str)> {
        let rules = self.trunks.recognise(&flow).ok_or((403, "no trunk"))?;
        let name = Arc::clone(&rules.name);
        let dialled = dialled(message).ok_or((404, "nobody is dialled"))?;
        let dialled = rules.inward(&dialled);
        let from = message.from().ok_or((400, "no From"))?;
        let caller =
            user_of(Some(from.uri())).filter(|user| user.len() <= bounds::DIALLED).unwrap_or_default();
        let caller = rules.inward(&caller);
        let origin = Origin::Trunk(Arc::clone(&name));
        let route = self.route(&origin, &dialled).ok_or((404, "no route"))?;
        let program = Arc::clone(&self.program);
        if message.call_id().is_some_and(|id| self.index.rings_with(id)) {
            return Err((482, "a call of ours came back"));
        }
        if self.draining || self.calls.len() >= bounds::CALLS {
            return Err((503, "no room for another call"));
        }
        let facts = Facts {
            caller: Masked::new(&caller),
            dialled: Masked::new(dialled),
            display: Masked::new(presentable(&from.display().unwrap_or_default(), bounds::DISPLAY_CHARS)),
            origin,
            wall: self.wall(now),
        };
        let caller_name = Masked::new(caller);
        self.opened(now, flow, key, message, caller_name, facts, None, (program, route), false)
    }

    /// What every call needs, whoever makes it.
    #[allow(clippy::too_many_arguments)]
    fn opened(
        &mut self,
        now: Time,
        flow: Flow,
        key: ServerKey,
        message: &Message,
        caller_name: Masked,
        facts: Facts,
        device: Option<Device>,
        (program, route): (Arc<Program>, RouteId),
        confirms: bool,
    ) -> Result<Incoming, (u16, &'static str)> {
        if !confirms {
            self.may_record(&facts)?;
        }
        SessionTimer::answering(message, self.node.manner.session_s)
            .map_err(|_| (422, "the session interval is too small"))?;
        let tag = self.layer.local_tag(key).map(str::to_string).ok_or((500, "the transaction is gone"))?;
        let dialog = Dialog::answering(message, flow, &tag, &contact_for(message.request_uri(), &flow))
            .map_err(|_| (400, "the INVITE can begin no dialog"))?;
        let offer = message.has_sdp().then(|| Offer::read(message.body())).transpose();
        let offer = offer.map_err(|why| (why, "unusable offer"))?;
        Ok(Incoming {
            id: CallId::new(self.wall(now), &mut self.random),
            invite: key,
            message: message.clone(),
            offer,
            flow,
            dialog,
            caller_name,
            facts,
            device,
            confirms,
            answers_itself: false,
            route,
            program,
        })
    }

    /// No recording, no call: under such a policy a store that cannot be written refuses calls before they begin.
    pub(super) fn may_record(&mut self, facts: &Facts) -> Result<(), (u16, &'static str)> {
        let required = matches!(
            self.program.policy_of(facts).record,
            Record::All { on_failure: crate::plan::OnFailure::Refuse }
        );
        if required && !self.store.writable {
            self.log(
                true,
                "a call is refused: its policy requires a recording and the store takes none".into(),
            );
            return Err((503, "the store takes no recording"));
        }
        Ok(())
    }

    fn begin(&mut self, now: Time, key: ServerKey, incoming: Incoming) {
        self.layer.trying(now, key);
        self.calls_total += 1;
        let id = incoming.id;
        let call = Call::begin(&mut self.desk(now), incoming);
        self.calls.insert(id, Box::new(call));
    }

    /// What a new call works with.
    pub(super) fn desk(&mut self, now: Time) -> Desk<'_> {
        Desk {
            now,
            wall: self.clock.1 + now.since(self.clock.0),
            random: &mut self.random,
            layer: &mut self.layer,
            alarms: &mut self.alarms,
            index: &mut self.index,
            directory: &self.directory,
            bindings: &self.bindings,
            settings: &self.settings,
            trunks: &mut self.trunks,
            node: &self.node,
            groups: &self.features.ring,
            turns: &mut self.turns,
            lot: &mut self.lot,
            rooms: &mut self.rooms,
            program: &self.program,
            lexicon: &mut self.lexicon,
            veils: &mut self.veils,
            pages: &self.pages,
            effects: &mut self.effects,
        }
    }

    /// The account that a request proves to come from. `None`: it was challenged, or refused.
    pub(super) fn proven(&mut self, now: Time, key: ServerKey, message: &Message) -> Option<Arc<Account>> {
        let flow = self.layer.came_over(key)?;
        let account = match self.digest.check(now, flow.remote.ip(), message, &self.directory) {
            Verdict::Proven(account) if !self.guard.is_locked(now, &flow, &account.name) => account,
            // A locked name hears what a wrong password hears.
            Verdict::Proven(_) => {
                self.challenge(now, key, false);
                return None;
            }
            Verdict::Unproven { stale, wrong } => {
                self.note_wrong(now, &flow, wrong);
                self.challenge(now, key, stale);
                return None;
            }
        };
        if self.guard.proven(now, &flow, &account.name) {
            return Some(account);
        }
        let reply = self.layer.reply(key, 503).map(|reply| reply.header(Name::RetryAfter, "5"));
        self.refuse(now, key, reply);
        None
    }

    /// Counts a wrong password; tries at a locked name count for nothing more.
    fn note_wrong(&mut self, now: Time, flow: &Flow, wrong: Option<Box<str>>) {
        let Some(user) = wrong else { return };
        let user = presentable(&user, bounds::DIALLED);
        if !self.guard.is_locked(now, flow, &user)
            && let Some(banned) = self.guard.wrong_password(now, flow, &user)
        {
            self.log(false, banned);
        }
    }

    pub(super) fn challenge(&mut self, now: Time, key: ServerKey, stale: bool) {
        let Some(flow) = self.layer.came_over(key) else { return };
        let reply = self.layer.reply(key, 401);
        let reply = reply.map(|reply| self.digest.challenge(now, flow.remote.ip(), reply, stale));
        self.refuse(now, key, reply);
    }

    /// Answers and forgets: refusals cost no memory. One that would make a stranger's flood larger is not sent.
    pub(super) fn refuse(&mut self, now: Time, key: ServerKey, reply: Option<Builder>) {
        if let (Some(reply), Some(flow)) = (reply, self.layer.came_over(key)) {
            self.layer.refuse_if(key, reply, |excess| self.guard.may_answer(now, &flow, excess));
        }
    }

    /// Refuses octets that are no message; as [`Switch::refuse`].
    pub(super) fn reject(&mut self, now: Time, flow: Flow, refusal: &crate::sip::Refusal) {
        self.layer.reject_if(flow, refusal, |excess| self.guard.may_answer(now, &flow, excess));
    }
}

impl Switch {
    /// Who is dialled; and which device, if its own address (RFC 5627 §3) was: then its user, under the number that the plan knows.
    fn dialled(&self, message: &Message) -> Option<(String, Option<Device>)> {
        let dialled = dialled(message)?;
        let Some(gr) = message.request_uri().and_then(|uri| uri.params().find("gr")) else {
            return Some((dialled, None));
        };
        let (user, gr) = match self.bindings.temporary(&dialled) {
            Some((user, instance)) => (user, instance.trim_matches(['<', '>'])),
            None => (dialled.as_str(), gr.value.unwrap_or_default()),
        };
        let account = self.directory.find(user)?;
        let device = Device { user: Masked::new(&account.name), gr: gr.to_string() };
        Some((account.numbers.first().unwrap_or(&account.name).clone(), Some(device)))
    }
}

/// Who is dialled: the user of a SIP URI, the number of a tel URI (RFC 3966), decoded.
fn dialled(message: &Message) -> Option<String> {
    let uri = message.request_uri()?;
    user_of(Some(uri)).filter(|user| !user.is_empty() && user.len() <= bounds::DIALLED)
}

/// Who a URI names, as the log shows it.
fn shown(uri: Option<crate::sip::Uri<'_>>) -> Masked {
    Masked::new(user_of(uri).unwrap_or_default())
}

pub(super) fn user_of(uri: Option<crate::sip::Uri<'_>>) -> Option<String> {
    uri?.user_decoded().map(|user| user.into_owned())
}
