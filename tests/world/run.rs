//! How a world runs: the clock goes from one thing that is due to the next, and what one part wants is carried to the other.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use ledgerline::base::{Time, Wall};
use ledgerline::call::view::Change;
use ledgerline::locate::{self, Path, Question};
use ledgerline::sip::framing::{Frame, Framer};
use ledgerline::sip::{Flow, Transport};
use ledgerline::switch::{Answer, Command, Input, Output};

use super::network::{Cargo, Packet, Toward};
use super::phone::{Dialog, Parcel, Phone};
use super::plans::Plan;
use super::text::{self, Heard};
use super::{Deed, Wire, World, ms, setting, verdict};

/// The clock.
impl World {
    pub(super) fn run(&mut self, until: Time, over: fn(&World) -> bool) {
        let mut steps = 0_u32;
        while !over(self) {
            let Some(next) = self.deadline().filter(|next| *next <= until) else { return };
            self.hearing.pass(self.now, next.max(self.now), &mut self.plane);
            self.now = next.max(self.now);
            self.step();
            steps += 1;
            if steps > 500_000 {
                return self.fault("the world does not come to rest".into());
            }
        }
    }

    fn deadline(&self) -> Option<Time> {
        let phones = self.phones.iter().filter_map(Phone::deadline).min();
        let deeds = self.deeds.first_key_value().map(|((at, _), _)| *at);
        [
            self.switch.deadline(),
            self.network.deadline(),
            self.plane.deadline(),
            self.store.deadline(),
            phones,
            deeds,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn step(&mut self) {
        while let Some(packet) = self.network.arrived(self.now) {
            self.arrive(packet);
        }
        self.plane.tick(self.now);
        while let Some(news) = self.plane.news(self.now) {
            self.handle(Input::Media(news));
        }
        while let Some(news) = self.store.news(self.now) {
            self.handle(Input::Vault(news));
        }
        while self.deeds.first_key_value().is_some_and(|((at, _), _)| *at <= self.now) {
            if let Some((_, deed)) = self.deeds.pop_first() {
                self.act(deed);
            }
        }
        for phone in 0..self.phones.len() {
            self.let_act(phone);
        }
        if self.switch.deadline().is_some_and(|at| at <= self.now) {
            self.switch.tick(self.now);
            self.drain();
            if self.switch.deadline().is_some_and(|at| at <= self.now) {
                self.fault("an alarm that has rung is still due".into());
            }
        }
        self.listen();
    }

    /// Who hears whom now; and, in a still moment, whether that is as it should be.
    fn listen(&mut self) {
        self.hearing.refresh(self.now, &mut self.plane, &self.store, &self.phones);
        if self.weather.corrupt_percent == 0
            && self.network.is_still()
            && self.plane.is_still()
            && self.store.is_still()
        {
            for fault in self.hearing.disagreements(&self.plane, &self.phones) {
                self.fault(fault);
            }
        }
    }

    pub(super) fn is_at_rest(&self) -> bool {
        self.switch.is_quiet()
            && self.network.is_still()
            && self.plane.is_still()
            && self.store.is_still()
            && self.phones.iter().all(Phone::is_done)
    }

    fn act(&mut self, deed: Deed) {
        match deed {
            Deed::Ask(command) => self.handle(Input::Command { ticket: 7, command }),
            Deed::HangUpAll => {
                for call in self.calls() {
                    self.handle(Input::Command { ticket: 7, command: Command::Hangup { id: call } });
                }
            }
            Deed::Store(mood) => self.store.becomes(self.now, mood),
            Deed::StoreLosesPackets => self.store.loses_packets(self.now),
            Deed::Do(name, act) => {
                let now = self.now;
                self.phone(name).later(now, act, None);
            }
            Deed::StoreFillsUnnoticed => self.store.fills_up_unnoticed(),
            Deed::LookAround => self.look_around(),
            Deed::Leaves(user) => self.handle(Input::Directory(Arc::new(setting::directory(user)))),
            Deed::Plan(plan) => {
                self.plan = plan;
                self.plane.learn(&plan.program());
                self.handle(Input::Program(plan.program()));
            }
            Deed::Ports(ports) => self.plane.ports = ports,
            Deed::ClockJumps { forward, by } => {
                let by = i64::try_from(by.as_micros()).unwrap_or(0);
                let wall = self.wall_now().as_micros() + if forward { by } else { -by };
                self.wall = Wall::from_micros(wall - i64::try_from(self.now.as_micros()).unwrap_or(0));
                self.handle(Input::Clock { wall: self.wall_now() });
            }
            Deed::Noise { from, octets } => {
                if let Some(phone) = self.find(&from) {
                    let flow = self.flow_of(phone);
                    self.handle(Input::Message { flow, raw: octets.into() });
                }
            }
            Deed::Unreachable(name) => {
                self.rough = true;
                if let Some(phone) = self.find(&name) {
                    let flow = self.flow_of(phone);
                    match flow.transport {
                        Transport::Udp => self.handle(Input::FlowClosed { flow }),
                        _ => self.network.cut(self.now, flow),
                    }
                }
            }
        }
    }

    pub(super) fn wall_now(&self) -> Wall {
        self.wall + self.now.since(Time::ZERO)
    }
}

/// Between the parts.
impl World {
    pub fn handle(&mut self, input: Input) {
        self.switch.handle(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.switch.poll() {
            if let Some(printed) = self.printed.as_mut().filter(|_| !matches!(output, Output::Send { .. })) {
                printed.push_str(&format!("{output:?}\n"));
            }
            match output {
                Output::Send { flow, bytes } => self.send_from_switch(flow, bytes),
                Output::Media(order) if self.is_lost(&order) => {}
                Output::Vault(order) if self.is_lost(&order) => {}
                Output::Media(order) => {
                    if let Some(fault) = verdict::of_order(&order, &self.store, self.plan_of_order(&order)) {
                        self.fault(fault);
                    }
                    self.plane.order(self.now, order);
                }
                Output::Vault(order) => self.store.order(self.now, order),
                Output::Settings { user, settings } => self.set.push((user, settings)),
                Output::Answer { answer, .. } => self.answers.push(*answer),
                Output::Log { text, .. } => {
                    let names = setting::USERS.iter().any(|(name, numbers)| {
                        text.contains(name) || numbers.iter().any(|number| text.contains(number))
                    });
                    if names {
                        self.fault(format!("the log names people: {text}"));
                    }
                }
                // Nobody of this world is found by name, only by address.
                Output::Ask { ticket, question } => {
                    let found = match question {
                        Question::Address(name) => name.parse::<std::net::IpAddr>().ok(),
                        _ => None,
                    };
                    let answer = found.map_or(locate::Answer::Nothing, |remote| {
                        let local = setting::switch_address((remote, 0).into()).ip();
                        locate::Answer::Addresses(vec![Path { local, remote }])
                    });
                    self.handle(Input::Answered { ticket, answer })
                }
                Output::Expect { .. } => {}
                Output::Listen { call, leg, wanted: Some(_) } => {
                    self.ears.insert((call, leg));
                    self.ever_heard.insert((call, leg));
                }
                Output::Listen { call, leg, .. } => {
                    self.ears.remove(&(call, leg));
                }
                Output::Gauge { call, leg, begins: true } => {
                    self.gauges.insert((call, leg));
                    self.ever_heard.insert((call, leg));
                }
                Output::Gauge { call, leg, .. } => {
                    self.gauges.remove(&(call, leg));
                }
                Output::Page { user, page, .. } => {
                    self.pages.insert(user.reveal().to_string(), page.map(|page| *page));
                }
                Output::Transcribed(transcript) => self.transcripts.push(*transcript),
                Output::Spoken { spoken, .. } => self.spoken.push(*spoken),
                Output::LookUp(question) => self.asked.push(*question),
                Output::Post(notice) => self.letters.push(*notice),
                Output::Refused { caller, dialled, status, why } => {
                    self.refused.push(format!("{caller} to {dialled}: {status} {why}"));
                }
                Output::Report(report) => {
                    if format!("{report:?}").contains(setting::MOBILE) {
                        self.fault(format!("a report names a person: {report:?}"));
                    }
                    self.reports.push(report);
                }
                Output::Happened(happening) => {
                    if happening.change == Change::Began {
                        // What a code begins is a beep under a plan of the switch's own.
                        let code = happening.call.dialled.starts_with('*');
                        let plan = if code { Plan::Unrecorded } else { self.plan };
                        self.plan_of.insert(happening.call.id, plan);
                    }
                    self.happenings.push((self.now, *happening));
                }
            }
        }
    }

    /// What administrators see fits together.
    fn look_around(&mut self) {
        let mut ask = |command| {
            self.handle(Input::Command { ticket: 7, command });
            self.answers.pop()
        };
        let (status, phones, calls) = (ask(Command::Status), ask(Command::Phones), ask(Command::Calls));
        let (Some(Answer::Status(status)), Some(Answer::Phones(phones)), Some(Answer::Calls(calls))) =
            (status, phones, calls)
        else {
            return self.fault("an administrator is not answered".into());
        };
        let shown = calls.iter().all(|view| {
            let same = ask(Command::Call { id: view.id }) == Some(Answer::Call(view.clone()));
            same && matches!(ask(Command::Explain { id: view.id }), Some(Answer::Trace(trace)) if !trace.is_empty())
        });
        if !shown
            || status.calls != calls.len()
            || status.contacts != phones.len()
            || status.calls != self.switch.calls()
        {
            self.fault(format!("administrators see {status:?}, {} phones, {calls:?}", phones.len()));
        }
    }

    fn is_lost(&self, order: &impl std::fmt::Debug) -> bool {
        self.sabotage.is_some_and(|word| format!("{order:?}").starts_with(word))
    }

    /// The plan of the call that an order is for. A call's first orders come before anybody is told that it began.
    fn plan_of_order(&self, order: &ledgerline::media::Order) -> Plan {
        order.call().and_then(|call| self.plan_of.get(&call).copied()).unwrap_or(self.plan)
    }

    fn send_from_switch(&mut self, flow: Flow, bytes: Bytes) {
        if flow.transport == Transport::Udp {
            return self.network.send(self.now, flow, Toward::Phone, bytes, None);
        }
        let open = if flow.connection == 0 { self.stream_to(flow) } else { Some(flow) };
        match open.filter(|flow| self.network.is_open(flow.connection)) {
            Some(flow) => self.network.send(self.now, flow, Toward::Phone, bytes, None),
            None => {
                let packet = Packet { flow, toward: Toward::Switch, cargo: Cargo::Closed, receipt: None };
                self.network.launch(self.now + ms(1), packet);
            }
        }
    }

    /// The stream that reaches a phone: the one that it has, or a new one if it listens.
    fn stream_to(&mut self, flow: Flow) -> Option<Flow> {
        let phone =
            self.phones.iter().position(|phone| phone.id.seen == flow.remote && !phone.is_vanished())?;
        match self.wires.values().find(|wire| wire.phone == phone) {
            Some(wire) => Some(wire.flow),
            None => Some(self.connect(phone, flow.local, flow.remote)),
        }
    }

    fn connect(&mut self, phone: usize, local: SocketAddr, remote: SocketAddr) -> Flow {
        let flow = self.network.connect(self.now, local, remote);
        let wire = Wire { flow, phone, to_switch: Framer::new(), to_phone: Vec::new() };
        self.wires.insert(flow.connection, wire);
        flow
    }

    /// The path of a phone to the switch.
    pub(super) fn flow_of(&mut self, phone: usize) -> Flow {
        let at = &self.phones[phone];
        let (seen, transport) = (at.id.seen, at.transport);
        let local = setting::switch_address(seen);
        if transport == Transport::Udp {
            return Flow { transport, local, remote: seen, connection: 0 };
        }
        match self.wires.values().find(|wire| wire.phone == phone) {
            Some(wire) => wire.flow,
            None => {
                let port = 50_000 + u16::try_from(self.wires.len()).unwrap_or(0);
                self.connect(phone, local, SocketAddr::new(seen.ip(), port))
            }
        }
    }

    pub(super) fn let_act(&mut self, phone: usize) {
        if self.phones[phone].deadline().is_some_and(|at| at <= self.now) {
            self.phones[phone].tick(self.now);
        }
        while let Some(parcel) = self.phones[phone].poll() {
            match parcel {
                Parcel::Send { text, receipt } => self.send_from_phone(phone, text, receipt),
                Parcel::Press { dialog, key } => {
                    let local = self.phones[phone].dialogs.get(dialog).and_then(Dialog::far_media);
                    if let Some(local) = local {
                        self.plane.press(self.now, local, key);
                    }
                }
                Parcel::Cut => {
                    self.rough = true;
                    let flow = self.flow_of(phone);
                    self.network.cut(self.now, flow);
                }
            }
        }
    }

    fn send_from_phone(&mut self, phone: usize, text: String, receipt: Option<u64>) {
        let flow = self.flow_of(phone);
        let octets = Bytes::from(text);
        if flow.transport == Transport::Udp || octets.len() < 2 {
            return self.network.send(self.now, flow, Toward::Switch, octets, receipt);
        }
        // A stream keeps no message whole.
        let cut = 1 + usize::try_from(self.random.below(octets.len() as u64 - 1)).unwrap_or(0);
        self.network.send(self.now, flow, Toward::Switch, octets.slice(..cut), None);
        self.network.send(self.now, flow, Toward::Switch, octets.slice(cut..), receipt);
    }

    fn arrive(&mut self, packet: Packet) {
        self.show(&packet);
        self.arrivals += 1;
        let turns =
            self.is_telling && self.turn.as_ref().is_some_and(|(arrivals, _)| *arrivals < self.arrivals);
        if let Some((_, deed)) = self.turn.take_if(|_| turns) {
            self.act(deed);
        }
        let Packet { flow, toward, cargo, receipt } = packet;
        match (cargo, toward) {
            (Cargo::Closed, Toward::Switch) => self.handle(Input::FlowClosed { flow }),
            (Cargo::Closed, Toward::Phone) => {
                self.wires.remove(&flow.connection);
            }
            (Cargo::Octets(octets), Toward::Switch) => {
                self.reach_switch(flow, octets);
                let sender = self.phones.iter_mut().find(|phone| phone.id.seen.ip() == flow.remote.ip());
                if let (Some(receipt), Some(sender)) = (receipt, sender) {
                    sender.delivered(receipt);
                }
            }
            (Cargo::Octets(octets), Toward::Phone) => self.reach_phone(flow, &octets),
        }
    }

    /// With `LEDGERLINE_WIRE=1` every packet that arrives is printed.
    fn show(&self, packet: &Packet) {
        if self.shows_wire {
            let Packet { flow, toward, cargo, .. } = packet;
            let text = match cargo {
                Cargo::Octets(octets) => String::from_utf8_lossy(octets).into_owned(),
                Cargo::Closed => "closed".into(),
            };
            println!(
                "--- {:?} to {toward:?} over {} {}\n{text}",
                self.now.since(self.origin),
                flow.transport,
                flow.remote
            );
        }
    }

    fn reach_switch(&mut self, flow: Flow, octets: Bytes) {
        let Some(wire) = self.wires.get_mut(&flow.connection) else {
            return self.handle(Input::Message { flow, raw: octets });
        };
        wire.to_switch.push(&octets);
        let mut whole = Vec::new();
        while let Ok(Some(frame)) = wire.to_switch.pop() {
            if let Frame::Message(raw) = frame {
                whole.push(raw);
            }
        }
        for raw in whole {
            self.handle(Input::Message { flow, raw });
        }
    }

    fn reach_phone(&mut self, flow: Flow, octets: &[u8]) {
        let (phone, messages) = match self.wires.get_mut(&flow.connection) {
            Some(wire) => {
                wire.to_phone.extend_from_slice(octets);
                (Some(wire.phone), text::cut(&mut wire.to_phone))
            }
            None => (self.phones.iter().position(|p| p.id.seen == flow.remote), vec![octets.to_vec()]),
        };
        let Some(phone) = phone else { return };
        for message in messages {
            self.phones[phone].hear(self.now, &Heard::read(&message));
            self.let_act(phone);
        }
    }
}
