//! `demo`: a real switch on loopback, two phones that speak RTP, one call through `hello.plan`, and the proof of it: what
//! each heard, what was recorded, and that the recording is whole.
//!
//! Invariant: it says that all held only of what it measured itself.

mod heard;
mod house;
mod line;
mod phone;
mod report;
mod voice;

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::args;
use super::exit::{Exit, Stop};
use super::print::Printer;
use crate::base::PromptId;
use house::House;
use line::Told;
use phone::Phone;
use report::Report;

/// The number of the hotline in `hello.plan`.
const HOTLINE: &str = "95599";

/// The key that its menu sends to bob.
const KEY: char = '1';

/// What alice sings and what bob sings, in Hz: an octave apart, so that neither is taken for the other.
const TONES: (f64, f64) = (440.0, 880.0);

/// How many packets each hears of the other: four seconds.
const TALK: u64 = 200;

/// How long anything may take that a person would wait for.
const SOON: Duration = Duration::from_secs(8);

/// How long the prompts may take.
const PROMPTS: Duration = Duration::from_secs(30);

pub(super) fn run(args: &args::Demo, printer: &Printer) -> Result<Exit, Stop> {
    let house = House::build(args.folder.as_deref())?;
    let mut report = Report::new(*printer);
    let outcome = call(&house, &mut report).and_then(|()| report.examine(&house));
    if let Err(why) = outcome {
        report.check("the call went through", Err(why));
    }
    let exit = report.finish(&house);
    if args.keep {
        house.keep(printer)?;
    }
    house.close()?;
    Ok(exit)
}

/// The call, from registration to hanging up.
fn call(house: &House, report: &mut Report) -> Result<(), String> {
    let start = |account: &line::Account, hz| {
        Phone::start(account.clone(), house.server, hz, house.random()).map_err(|error| error.to_string())
    };
    let alice = start(&house.alice, TONES.0)?;
    let bob = start(&house.bob, TONES.1)?;
    for (phone, name) in [(&alice, "alice"), (&bob, "bob")] {
        phone.register(600);
        let registered = phone.wait(SOON, |told| matches!(told, Told::Registered(_)));
        let Told::Registered(Some(algorithm)) =
            registered.map_err(|why| format!("{name} registers: {why}"))?
        else {
            return Err(format!("{name} was registered without a proof"));
        };
        report.check(&format!("{name} is registered over UDP"), Ok(format!("digest {}", algorithm.as_str())));
    }
    alice.dial(HOTLINE);
    alice
        .wait(SOON, |told| matches!(told, Told::Talking(_)))
        .map_err(|why| format!("the hotline answers: {why}"))?;
    listen(house, report, &alice)?;
    alice.press(KEY);
    bob.wait(SOON, |told| *told == Told::Ringing).map_err(|why| format!("bob rings: {why}"))?;
    bob.wait(SOON, |told| matches!(told, Told::Talking(_))).map_err(|why| format!("bob answers: {why}"))?;
    report.check(&format!("key {KEY} was understood, bob rang and answered"), Ok(String::new()));
    talk(&alice, &bob)?;
    report.tone("alice hears bob's tone and nothing else", alice.heard().last(2_000), TONES.1, TONES.0);
    report.tone("bob hears alice's tone and nothing else", bob.heard().last(2_000), TONES.0, TONES.1);
    alice.hang_up();
    alice.wait(SOON, |told| *told == Told::Ended).map_err(|why| format!("alice hangs up: {why}"))?;
    bob.wait(SOON, |told| *told == Told::Ended).map_err(|why| format!("bob is hung up: {why}"))?;
    for phone in [&alice, &bob] {
        phone.register(0);
        phone.wait(SOON, |told| matches!(told, Told::Registered(_)))?;
    }
    report.phones(alice, bob);
    Ok(())
}

/// Lets them talk until each has heard enough of the other, however busy the machine is.
fn talk(alice: &Phone, bob: &Phone) -> Result<(), String> {
    let before = alice.heard().packets();
    let give_up = Instant::now() + PROMPTS;
    while alice.heard().packets() < before + TALK || bob.heard().packets() < TALK {
        sleep(Duration::from_millis(20));
        if Instant::now() > give_up {
            return Err("alice and bob do not hear each other".to_string());
        }
    }
    Ok(())
}

/// Waits until the notice and the greeting were heard whole and the menu has begun: then a caller knows what to press.
fn listen(house: &House, report: &mut Report, alice: &Phone) -> Result<(), String> {
    let heard = |id: &PromptId| house.prompts.get(*id).map_or(0.0, |prompt| alice.heard().share_of(prompt));
    let give_up = Instant::now() + PROMPTS;
    loop {
        sleep(Duration::from_millis(100));
        let notice = house.notice.iter().map(heard).fold(1.0, f64::min);
        let others = house.greeting.iter().map(heard);
        let (greeting, menu) = others.fold((0.0_f64, 0.0_f64), |(most, next), share| {
            if share > most { (share, most) } else { (most, next.max(share)) }
        });
        let whole = |share: f64| share > 0.97;
        let enough = whole(notice) && whole(greeting) && menu > 0.4;
        if enough || Instant::now() > give_up {
            let said = |share: f64| format!("{:.0} % of it, octet for octet", share * 100.0);
            let judged = |share: f64| if whole(share) { Ok(said(share)) } else { Err(said(share)) };
            report.check("alice heard the recording notice", judged(notice));
            report.check("alice heard the greeting", judged(greeting));
            return if enough { Ok(()) } else { Err("the prompts did not come".to_string()) };
        }
    }
}
