//! Random stories: who is there, on what lines, who calls whom, what they do in the call, and what breaks meanwhile. All of it
//! follows from the seed.

use std::time::Duration;

use ledgerline::base::Random;
use ledgerline::switch::Command;

use super::phone::{Act, Manners, Phone, When};
use super::{Deed, Faxing, Hash, Mood, Notation, Over, Plan, World, carrier_rules, ms, secs};

const PHONES: [&str; 7] = ["alice", "bob", "carol", "dave", "erin", "bob/mobile", "bob/desk"];
const NUMBERS: [&str; 12] =
    ["8001", "8002", "8002", "8003", "8003", "8004", "8005", "8099", "7", "9", "9", "95"];
const CODES: [&str; 16] = [
    "*8", "**8002", "**8003", "701", "702", "*66", "*66", "*86", "*61", "*69", "*728003", "*73", "*908004",
    "*926123", "*726123", "*78",
];
const CARRIERS: [(&str, &str); 2] = [("first", "198.51.100.1"), ("second", "198.51.100.2")];
const CODECS: [&[u8]; 6] = [&[8, 0, 101], &[0, 101], &[8], &[9, 8, 0, 101], &[18, 8], &[18]];
const REFUSALS: [u16; 8] = [486, 603, 480, 404, 500, 503, 488, 600];

/// Tells the story of `seed` to its end and asks the model.
pub fn tell(seed: u64) -> World {
    let mut random = Random::from_number(seed ^ 0x0057_0121_e500);
    let world = weather(seed, &mut random);
    told(world, random)
}

/// The same story, on lines that change what the phones say.
pub fn tell_garbled(seed: u64) -> World {
    let mut random = Random::from_number(seed ^ 0x0057_0121_e500);
    let world = weather(seed, &mut random).corrupt_percent(1 + seed % 30);
    told(world, random)
}

fn told(mut world: World, mut random: Random) -> World {
    let random = &mut random;
    let present = 3 + random.below(5) as usize;
    for name in PHONES.iter().take(present) {
        character(world.phone(name), random);
    }
    for _ in 0..1 + random.below(3) {
        let caller = PHONES[random.below(present.min(5) as u64) as usize];
        story(world.phone(caller), random);
    }
    for _ in 0..random.below(4) {
        world.at(ms(random.below(20_000)), Deed::LookAround);
    }
    if random.below(3) == 0 {
        misfortune(&mut world, random);
    }
    if random.below(3) == 0 {
        office(&mut world, random, present);
    }
    if random.below(3) == 0 {
        carriers(&mut world, random, present);
    }
    world.run_until(secs(5 + random.below(60)));
    world.settle();
    world
}

fn weather(seed: u64, random: &mut Random) -> World {
    let plan = match random.below(7) {
        0 => Plan::Unrecorded,
        1 => Plan::Wished,
        2 => Plan::Announced,
        3 => Plan::Whole,
        _ => Plan::Required,
    };
    let mut world = World::with_plan(seed, plan);
    world.plane.delay = Duration::from_micros(50)..ms(1 + random.below(100));
    world.store.delay = Duration::from_micros(300)..ms(1 + random.below(400));
    let least = 1 + random.below(60);
    let world = world.delay_ms(least..least + 1 + random.below(120));
    match random.below(5) {
        0 | 1 => world,
        2 => world.loss_percent(random.below(20)),
        3 => world.duplicate_percent(random.below(50)).late_percent(random.below(50)),
        _ => world
            .loss_percent(random.below(45))
            .duplicate_percent(random.below(30))
            .late_percent(random.below(30)),
    }
}

/// What a phone is and how it receives calls.
fn character(phone: &mut Phone, random: &mut Random) {
    phone.over([Over::Udp, Over::Udp, Over::Udp, Over::Tcp, Over::Tcp, Over::Ipv6][random.below(6) as usize]);
    if random.below(6) == 0 {
        phone.behind_nat();
    }
    phone.hash = [Hash::Sha256, Hash::Md5, Hash::Oldest][random.below(3) as usize];
    phone.remembers = random.below(2) == 0;
    if random.below(4) == 0 {
        phone.codecs = CODECS[random.below(CODECS.len() as u64) as usize].to_vec();
    }
    if random.below(12) == 0 {
        let which = random.below(6);
        phone.manners = Manners {
            never_acks: which == 0,
            never_answers_bye: which == 1,
            never_rings: which == 2,
            answers_twice: which == 3,
            rings_as_another: which == 4,
            answers_bare: which == 5,
            ..Manners::default()
        };
    }
    phone.video = random.below(8) == 0;
    let after = ms(random.below(6_000));
    match random.below(10) {
        0 => {}
        1 => phone.rejects(REFUSALS[random.below(REFUSALS.len() as u64) as usize]).after(after),
        2 => phone.redirects(NUMBERS[random.below(8) as usize]).after(after),
        3 | 4 => phone.answers_with_early_media().after(after),
        _ => phone.answers().after(after),
    }
    conduct(phone, random);
}

/// A call that a phone makes.
fn story(phone: &mut Phone, random: &mut Random) {
    let at = ms(random.below(8_000));
    let number = NUMBERS[random.below(NUMBERS.len() as u64) as usize];
    match random.below(6) {
        0 => phone.dials_without_offer(number).at(at),
        _ => phone.dials(number).at(at),
    }
    if random.below(4) == 0 {
        phone.cancels().after(ms(random.below(7_000)));
    }
    for n in 0..random.below(6) {
        let key = char::from(b"0123456789#*8800"[random.below(16) as usize]);
        let act = if random.below(2) == 0 { Act::Press(key) } else { Act::PressByInfo(key) };
        phone.will(When::After(Duration::ZERO), act).after(ms(1_500 + 700 * n + random.below(600)));
    }
    conduct(phone, random);
}

/// Phones watch each other, pick up for each other, park calls and take them back.
fn office(world: &mut World, random: &mut Random, present: usize) {
    let someone = |random: &mut Random| PHONES[random.below(present as u64) as usize];
    for _ in 0..random.below(4) {
        let phone = world.phone(someone(random));
        let (event, user) =
            [("dialog", "bob"), ("dialog", "701"), ("presence", "8002"), ("message-summary", "bob")]
                [random.below(4) as usize];
        phone.watches_for(event, user, [0, 60, 600][random.below(3) as usize]).at(ms(random.below(9_000)));
        phone.manners.refuses_notices = [0, 0, 0, 0, 481, 1][random.below(6) as usize];
    }
    for _ in 0..random.below(3) {
        let code = CODES[random.below(CODES.len() as u64) as usize];
        world.phone(someone(random)).dials(code).at(ms(2_000 + random.below(20_000)));
    }
    let keys = ["*68701", "*68#", "*68702"][random.below(3) as usize];
    let parker = world.phone(someone(random));
    let begins = random.below(5_000);
    for (n, key) in keys.chars().enumerate() {
        parker.will(When::After(Duration::ZERO), Act::Press(key)).after(ms(begins + 300 * n as u64));
    }
}

/// Calls go out over two carriers, and come in.
fn carriers(world: &mut World, random: &mut Random, present: usize) {
    world.trunks =
        (1..).zip(CARRIERS).map(|(priority, (name, host))| carrier_rules(name, host, priority)).collect();
    for (_, host) in CARRIERS {
        let carrier = world.stranger(host);
        let after = ms(random.below(4_000));
        match random.below(6) {
            0 => carrier.rejects([503, 500, 486, 404][random.below(4) as usize]).after(after),
            1 => carrier.vanishes().at(ms(random.below(10_000))),
            2 => carrier.answers_with_early_media().after(after),
            _ => carrier.answers().after(after),
        }
        carrier.skills.updates = random.below(2) == 0;
        let wants = carrier.is_carrier();
        wants.secret = "open sesame".into();
        wants.proves =
            [&[][..], &["INVITE"], &["INVITE", "BYE", "UPDATE", "PRACK"]][random.below(3) as usize].to_vec();
        conduct(carrier, random);
    }
    for _ in 0..1 + random.below(2) {
        let who = PHONES[random.below(present as u64) as usize];
        world.phone(who).dials("6123").at(ms(random.below(10_000)));
    }
    if random.below(3) == 0 {
        world.stranger(CARRIERS[0].1).dials("8002").at(ms(random.below(10_000)));
    }
}

/// What a phone does in its next call.
fn conduct(phone: &mut Phone, random: &mut Random) {
    for _ in 0..random.below(4) {
        let after = ms(random.below(12_000));
        let notation = [Notation::SendOnly, Notation::Inactive, Notation::Zero][random.below(3) as usize];
        match random.below(7) {
            0 => phone.renews_without_offer().after(after),
            5 => phone.moves_its_media().after(after),
            6 => phone.offers_what_nobody_has().after(after),
            1 | 2 => phone.holds(notation).after(after),
            3 => phone.resumes().after(after),
            _ => phone.hangs_up().after(after),
        }
    }
    // Some have cameras, some are fax machines that meet anybody.
    phone.faxes = random.below(8) == 0;
    if phone.faxes {
        let how = [Faxing::InPlace, Faxing::Beside][random.below(2) as usize];
        phone.turns_to_fax(how).after(ms(random.below(9_000)));
        if random.below(2) == 0 {
            phone.turns_to_fax(Faxing::Not).after(ms(3_000 + random.below(9_000)));
        }
    }
    for _ in 0..random.below(10) / 8 {
        phone
            .will(When::After(Duration::ZERO), Act::Video(random.below(2) == 0))
            .after(ms(random.below(9_000)));
    }
}

/// Something breaks.
fn misfortune(world: &mut World, random: &mut Random) {
    let name = PHONES[random.below(3) as usize];
    let at = ms(random.below(20_000));
    match random.below(14) {
        11 => world.at(at, Deed::StoreLosesPackets),
        12 => world.at(at, Deed::Plan(Plan::Announced)),
        13 => world.at(at, Deed::Ask(Command::Drain)),
        10 => world.at(at, Deed::Leaves("bob")),
        0 => world.phone(name).vanishes().at(at),
        1 => world.phone(name).loses_its_connection().at(at),
        2 => world.at(at, Deed::Store(Mood::Full)),
        3 => world.at(at, Deed::StoreFillsUnnoticed),
        4 => world.at(at, Deed::Store(Mood::Silent)),
        5 => world.at(at, Deed::Ports(random.below(4) as usize)),
        6 => world.at(at, Deed::HangUpAll),
        7 => world.at(at, Deed::Unreachable(name.into())),
        8 => world.at(at, Deed::Ask(Command::Unregister { user: "bob".into() })),
        _ => {
            world.at(at, Deed::ClockJumps { forward: random.below(2) == 0, by: secs(random.below(100_000)) })
        }
    }
}
