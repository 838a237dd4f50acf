//! Answers to administrators.

use std::time::Duration;

use crate::base::{CallId, Time, bounds, mask_digits};
use crate::call::{Call, Supervision};
use crate::media::Order;

use super::view::{Answer, Command, PhoneView, StatusView};
use super::{Output, Switch};

/// How long whoever looks at a call waits for the media plane.
const LOOK: Duration = Duration::from_secs(1);

impl Switch {
    pub(super) fn on_command(&mut self, now: Time, ticket: u64, command: Command) {
        let answer = match command {
            Command::Status => Answer::Status(self.status(now)),
            Command::Phones => Answer::Phones(self.phones(now, None)),
            Command::Phone { user } => self.phone(now, &user),
            Command::Calls => Answer::Calls(self.calls.values().map(|call| call.view()).collect()),
            Command::Call { id } => self.of_call(id, |call| Answer::Call(call.view())),
            Command::Look { id } => return self.look(now, ticket, id),
            Command::Explain { id } => self.of_call(id, |call| Answer::Trace(call.entries())),
            Command::Start { from, to, answers_itself } => {
                self.summon(now, &from, &to, answers_itself, "begun by an administrator")
            }
            Command::Hangup { id } => {
                match self.with_call(now, id, |call, desk| call.hang_up_by_administrator(desk)) {
                    true => Answer::Done,
                    false => Answer::NotFound,
                }
            }
            Command::Supervise { id, user, how } => self.supervise(now, id, &user, how),
            Command::Room { id, act } => {
                let mut done = false;
                self.with_call(now, id, |call, desk| done = call.act_in_room(desk, act));
                if done { Answer::Done } else { Answer::NotFound }
            }
            Command::Settings { user, settings } => self.on_settings(user, settings),
            Command::Trunks => Answer::Trunks(self.trunks.view(now)),
            Command::Bans => Answer::Bans(self.guard.bans(now)),
            Command::Forgive { source } => Answer::Forgiven(self.guard.forgive(source.as_deref())),
            Command::Unregister { user } => {
                self.bindings.forget(&user);
                self.with_events(now, |events, desk| events.contacts_changed(desk, &user));
                Answer::Done
            }
            Command::Waiting { user, waiting } => match self.account_of(&user) {
                Some(user) => {
                    self.with_events(now, |events, desk| events.set_waiting(desk, &user, waiting));
                    Answer::Done
                }
                None => Answer::NotFound,
            },
            Command::Sync { user, reboot } => match self.account_of(&user) {
                Some(user) => {
                    Answer::Asked(self.with_events(now, |events, desk| events.sync(desk, &user, reboot)))
                }
                None => Answer::NotFound,
            },
            Command::Drain => {
                self.drain(now);
                Answer::Done
            }
        };
        self.out.push_back(Output::Answer { ticket, answer: Box::new(answer) });
    }

    /// Asks the media plane; the answer waits until it has told, or [`LOOK`] is over.
    fn look(&mut self, now: Time, ticket: u64, id: CallId) {
        if self.looks.len() >= bounds::LOOKS || !self.calls.contains_key(&id) {
            let answer = Box::new(self.of_call(id, |call| Answer::Call(call.view())));
            return self.out.push_back(Output::Answer { ticket, answer });
        }
        self.looks.push((id, ticket, now + LOOK));
        self.out.push_back(Output::Media(Order::Report { call: id }));
    }

    /// Answers whoever looks at a call.
    pub(super) fn looked(&mut self, id: CallId) {
        self.answer_looks(|of, _| of == id);
    }

    /// Answers whoever has waited long enough.
    pub(super) fn stop_looking(&mut self, now: Time) {
        self.answer_looks(|_, until| until <= now);
    }

    fn answer_looks(&mut self, due: impl Fn(CallId, Time) -> bool) {
        let (due, wait) =
            std::mem::take(&mut self.looks).into_iter().partition(|(id, _, until)| due(*id, *until));
        self.looks = wait;
        let due: Vec<(CallId, u64, Time)> = due;
        for (id, ticket, _) in due {
            let answer = Box::new(self.of_call(id, |call| Answer::Call(call.view())));
            self.out.push_back(Output::Answer { ticket, answer });
        }
    }

    fn supervise(&mut self, now: Time, id: CallId, user: &str, how: Supervision) -> Answer {
        let Some(account) = self.directory.find(user).cloned() else { return Answer::NotFound };
        let mut rung = false;
        self.with_call(now, id, |call, desk| rung = call.supervise(desk, &account, how));
        if rung { Answer::Done } else { Answer::NotFound }
    }

    fn of_call(&self, id: CallId, tell: impl FnOnce(&Call) -> Answer) -> Answer {
        self.calls.get(&id).map_or(Answer::NotFound, |call| tell(call))
    }

    /// The account behind a name or number.
    fn account_of(&self, user: &str) -> Option<String> {
        self.directory.find(user).map(|account| account.name.clone())
    }

    fn drain(&mut self, now: Time) {
        self.draining = true;
        for id in self.call_ids() {
            self.with_call(now, id, |call, desk| call.drain(desk));
        }
        self.with_events(now, |events, desk| events.drain(desk));
    }

    fn status(&mut self, now: Time) -> StatusView {
        StatusView {
            node: self.node.name.clone(),
            since: self.since,
            calls: self.calls.len(),
            calls_total: self.calls_total,
            contacts: self.bindings.all().map(|(_, contacts)| contacts.len()).sum(),
            users: self.directory.len(),
            media: None,
            program: self.program.hash_hex().chars().take(16).collect(),
            emergency: self.emergency.as_deref().map(str::to_string),
            store_writable: self.store.writable,
            store_free_bytes: self.store.free_bytes,
            transactions: self.layer.len(),
            flood: self.guard.view(now),
            subscriptions: self.events.subscriptions(),
        }
    }

    fn phone(&self, now: Time, user: &str) -> Answer {
        match self.directory.find(user) {
            Some(account) => Answer::Phones(self.phones(now, Some(&account.name))),
            None => Answer::NotFound,
        }
    }

    fn phones(&self, now: Time, only: Option<&str>) -> Vec<PhoneView> {
        let mut phones: Vec<PhoneView> = self
            .bindings
            .all()
            .filter(|(user, _)| only.is_none_or(|only| only == *user))
            .flat_map(|(user, contacts)| contacts.iter().map(move |contact| (user, contact)))
            .map(|(user, binding)| PhoneView {
                user: user.to_string(),
                contact: masked_uri(&binding.contact),
                transport: binding.flow.transport.as_str().to_ascii_lowercase(),
                source: binding.flow.remote.to_string(),
                agent: binding.user_agent.as_deref().unwrap_or_default().to_string(),
                expires_s: binding.remaining_s(now),
                q_thousandths: binding.q_thousandths,
                instance: binding.instance.as_deref().unwrap_or_default().to_string(),
                reg_id: binding.reg_id,
                hops: binding.path.len(),
                state: binding.reach.word().to_string(),
                round_trip_ms: binding.reach.round_trip.map(|it| it.as_micros() as f64 / 1_000.0),
            })
            .collect();
        phones.sort_by(|a, b| (&a.user, &a.source).cmp(&(&b.user, &b.source)));
        phones
    }
}

/// A contact without what could name a person: scheme, masked user, host and port.
fn masked_uri(uri: &crate::sip::UriBuf) -> String {
    let view = uri.view();
    let host = view.host().map(|host| host.to_string()).unwrap_or_default();
    let user = view.user_decoded().map(|user| format!("{}@", mask_digits(&user))).unwrap_or_default();
    let port = view.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}:{user}{host}{port}", view.scheme_str())
}
