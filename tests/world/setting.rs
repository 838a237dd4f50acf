//! How a world begins: who is there, at which addresses, with which words; and the first registrations.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;

use ledgerline::base::{Random, Secret, Time, Wall};
use ledgerline::config::Features;
use ledgerline::media::MUSIC;
use ledgerline::presence::Policy;
use ledgerline::registrar::{Account, Algorithm, Directory, Rules};
use ledgerline::sip::Transport;
use ledgerline::switch::{Input, Limits, Setup, Switch};

use ledgerline::trunk;

use super::network::{Network, Weather};
use super::phone::{CARRIER_REALM, Identity, Phone};
use super::plane::Plane;
use super::plans::Plan;
use super::store::Store;
use super::{World, ms, secs};

pub const REALM: &str = "pbx.test";

/// Users and their numbers.
pub const USERS: [(&str, &[&str]); 6] = [
    ("alice", &["8001"]),
    ("bob", &["8002"]),
    ("carol", &["8003"]),
    ("dave", &["8004"]),
    ("erin", &["8005", MOBILE]),
    ("frank", &["8006"]),
];

/// A number that names a person.
pub const MOBILE: &str = "13800138005";

/// The switch's address as a phone at `seen` reaches it.
pub fn switch_address(seen: SocketAddr) -> SocketAddr {
    match seen.ip() {
        IpAddr::V4(_) => SocketAddr::new([192, 0, 2, 1].into(), 5060),
        IpAddr::V6(_) => SocketAddr::new([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into(), 5060),
    }
}

fn password(user: &str) -> String {
    format!("{user}'s long and secret word")
}

/// Alice, Bob and Carol are one group, Dave and Erin another; two park slots.
pub fn features() -> Features {
    let group = |members: &[&str]| members.iter().map(|name| name.to_string()).collect();
    let groups = [
        ("front".to_string(), group(&["alice", "bob", "carol"])),
        ("back".to_string(), group(&["dave", "erin"])),
    ];
    let slots = vec!["701".to_string(), "702".to_string()];
    Features { slots, groups: groups.into(), park_for: secs(30), ..Features::default() }
}

/// Everybody's account, except of those who have left.
pub fn directory(left: &str) -> Directory {
    let accounts = USERS.iter().filter(|(name, _)| *name != left).map(|(name, numbers)| {
        let mut account = Account::new(name, REALM, &Secret::new(password(name)));
        account.numbers = numbers.iter().map(|number| number.to_string()).collect();
        account.display = format!("{}{}", name[..1].to_uppercase(), &name[1..]);
        account
    });
    Directory::new(accounts).unwrap_or_else(|_| unreachable!("every number belongs to one"))
}

/// A trunk of the plan's group `carriers`.
pub fn carrier_rules(name: &str, host: &str, priority: u16) -> trunk::Rules {
    trunk::Rules {
        name: name.into(),
        group: Some("carriers".into()),
        priority,
        weight: 1,
        to: vec![format!("sip:{host}").parse::<ledgerline::sip::UriBuf>().expect("a URI")],
        from: Vec::new(),
        register: None,
        user: "u-1".into(),
        realm: Some(CARRIER_REALM.into()),
        secret: Some(Secret::new("open sesame".into())),
        caller_ids: vec!["+4930100".into(), "+49308002".into()],
        calls: 0,
        outward: vec![
            trunk::Rewrite { prefix: "6".into(), with: "+49".into() },
            trunk::Rewrite { prefix: "80".into(), with: "+493080".into() },
        ],
        inward: Vec::new(),
        ask: None,
        codecs: Vec::new(),
        srtp: None,
        video: false,
        forwarded_by: Default::default(),
    }
}

/// How the switch of every world is set up.
fn setup(plan: Plan, seed: [u8; 32], wall: Wall) -> Setup {
    Setup {
        limits: Limits::default(),
        settings: Default::default(),
        registrar: Rules::default(),
        kept: Vec::new(),
        digest: Algorithm::DEFAULT.to_vec(),
        node: "node-1".into(),
        realm: REALM.into(),
        media_address: None,
        manner: Default::default(),
        seed,
        wall,
        program: plan.program(),
        directory: Arc::new(directory("")),
        presence: Policy { places: features().slots, ..Policy::default() },
        features: features(),
    }
}

impl World {
    /// A world in which everything random follows from `seed`, under the plan [`Plan::Required`].
    pub fn seeded(seed: u64) -> World {
        World::with_plan(seed, Plan::Required)
    }

    /// A world in which held parties hear music.
    pub fn with_music(seed: u64) -> World {
        World::made(seed, Plan::Required, |setup| setup.manner.music = Some(MUSIC))
    }

    /// A world under another plan.
    pub fn with_plan(seed: u64, plan: Plan) -> World {
        World::made(seed, plan, |_| ())
    }

    /// A world whose switch is set up otherwise.
    pub fn made(seed: u64, plan: Plan, change: impl FnOnce(&mut Setup)) -> World {
        let mut random = Random::from_number(seed);
        let now = Time::from_millis(10_000);
        let wall = Wall::from_micros(1_795_000_000_000_000);
        let mut key = [0; 32];
        random.fill(&mut key);
        let program = plan.program();
        let mut plane = Plane::new(random.fork());
        plane.learn(&program);
        plane.prompts.insert(MUSIC, secs(30));
        let mut setup = setup(plan, key, wall + now.since(Time::ZERO));
        change(&mut setup);
        World {
            seed,
            now,
            switch: Switch::new(now, setup),
            network: Network::new(random.fork()),
            plane,
            store: Store::new(random.fork()),
            phones: Vec::new(),
            happenings: Vec::new(),
            answers: Vec::new(),
            set: Vec::new(),
            reports: Vec::new(),
            ears: Default::default(),
            ever_heard: Default::default(),
            gauges: Default::default(),
            transcripts: Vec::new(),
            pages: Default::default(),
            spoken: Vec::new(),
            asked: Vec::new(),
            letters: Vec::new(),
            refused: Vec::new(),
            printed: None,
            plan,
            trunks: Vec::new(),
            plan_of: Default::default(),
            sabotage: None,
            shows_wire: std::env::var_os("LEDGERLINE_WIRE").is_some(),
            hearing: Default::default(),
            faults: Vec::new(),
            weather: Weather { delay: ms(10)..ms(10), ..Weather::fair() },
            origin: now,
            begun: false,
            is_telling: false,
            rough: false,
            wall,
            random,
            wires: Default::default(),
            deeds: Default::default(),
            turn: None,
            arrivals: 0,
            told: Vec::new(),
            serial: 0,
        }
    }

    /// With these trunks, whose hosts are addresses.
    pub fn with_trunks(mut self, trunks: Vec<trunk::Rules>) -> World {
        self.trunks = trunks;
        self
    }

    /// Tells the switch of its trunks as they are now.
    pub fn configure_trunks(&mut self, rules: Vec<trunk::Rules>) {
        let listeners = vec![(Transport::Udp, switch_address(SocketAddr::from(([192, 0, 2, 9], 5060))))];
        self.handle(Input::Trunks { rules, listeners });
    }

    /// The switch dies at once, and another one begins with the registrations that were kept until then. To be asked between calls.
    pub fn restarts(&mut self, change: impl FnOnce(&mut Setup)) {
        let kept = self.switch.take_registrations(self.now);
        let mut setup = setup(self.plan, [self.seed as u8 ^ 0xa5; 32], self.wall_now());
        setup.kept = kept;
        change(&mut setup);
        self.switch = Switch::new(self.now, setup);
    }

    /// Another fate for every packet of the same story.
    pub fn reseed(&mut self, seed: u64) {
        self.network = Network::new(Random::from_number(seed));
    }

    pub fn loss_percent(mut self, percent: u64) -> World {
        self.weather.loss_percent = percent;
        self
    }

    pub fn delay_ms(mut self, delay: Range<u64>) -> World {
        self.weather.delay = ms(delay.start)..ms(delay.end);
        self
    }

    pub fn duplicate_percent(mut self, percent: u64) -> World {
        self.weather.duplicate_percent = percent;
        self
    }

    pub fn late_percent(mut self, percent: u64) -> World {
        self.weather.late_percent = percent;
        self
    }

    /// Octets get changed on their way to the switch. The phones then no longer hold the switch to its words.
    pub fn corrupt_percent(mut self, percent: u64) -> World {
        self.weather.corrupt_percent = percent;
        self
    }

    /// A phone of a user: `bob`, or `bob/mobile` where a user has several. It registers before the story begins.
    pub fn phone(&mut self, name: &str) -> &mut Phone {
        let at = match self.find(name) {
            Some(at) => at,
            None => {
                let address = SocketAddr::new([192, 0, 2, 10 + self.phones.len() as u8].into(), 5060);
                self.add_phone(name, address)
            }
        };
        &mut self.phones[at]
    }

    /// Somebody without an account, at an address of their own.
    pub fn stranger(&mut self, ip: &str) -> &mut Phone {
        let at = match self.find(ip) {
            Some(at) => at,
            None => {
                let ip_address: IpAddr = ip.parse().unwrap_or_else(|_| panic!("{ip} is no address"));
                let at = self.add_phone(ip, SocketAddr::new(ip_address, 5060));
                self.phones[at].registers_first = false;
                at
            }
        };
        &mut self.phones[at]
    }

    fn add_phone(&mut self, name: &str, address: SocketAddr) -> usize {
        let user = name.split('/').next().unwrap_or(name).to_string();
        let id = Identity {
            name: name.into(),
            password: password(&user),
            user,
            own: address,
            seen: address,
            realm: REALM.into(),
        };
        let random = self.random.fork();
        self.phones.push(Phone::new(id, random));
        self.phones.len() - 1
    }

    /// The phones register over a network without faults; then the story's clock starts and the weather sets in.
    pub(super) fn begin(&mut self) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        self.handle(Input::Clock { wall: self.wall_now() });
        if !self.trunks.is_empty() {
            self.configure_trunks(self.trunks.clone());
        }
        let until = self.now + secs(30);
        for phone in self.phones.iter_mut().filter(|phone| phone.registers_first) {
            phone.register(self.now, 3_600);
        }
        for phone in 0..self.phones.len() {
            self.let_act(phone);
        }
        self.run(until, |world| world.phones.iter().all(|phone| phone.registered || !phone.registers_first));
        let missing = self.phones.iter().find(|phone| phone.registers_first && !phone.registered);
        assert!(missing.is_none(), "{} could not register", missing.map_or("", |phone| &phone.id.name));
        self.origin = self.now;
        self.arrivals = 0;
        self.is_telling = true;
        self.network.datagrams = 0;
        self.network.weather = self.weather.clone();
    }

    /// Puts what was told since the last time on the agendas.
    pub(super) fn learn(&mut self) {
        for phone in &mut self.phones {
            phone.learn(self.origin);
        }
        for (since, deed) in std::mem::take(&mut self.told) {
            self.serial += 1;
            self.deeds.insert((self.origin + since, self.serial), deed);
        }
    }
}
