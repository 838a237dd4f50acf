//! The reference model: what must hold of every world when it has come to rest, and of every order on its way.

use std::collections::BTreeSet;

use ledgerline::base::{CallId, LegId};
use ledgerline::call::Cdr;
use ledgerline::call::trace::What;
use ledgerline::call::view::Change;
use ledgerline::media::Order;
use ledgerline::vault::Event;

use super::World;
use super::hearing::dialog_at;
use super::phone::{Dialog, How, Phone};
use super::plans::Plan;
use super::store::Store;

/// What is wrong with an order to the media plane. Under "no recording, no call" nothing is aimed before the vault has opened.
pub fn of_order(order: &Order, store: &Store, plan: Plan) -> Option<String> {
    let opened = |call: &CallId| store.of(*call).is_some_and(|(_, recording)| recording.opened.is_some());
    match order {
        Order::Aim { call, .. } if plan.requires() && !opened(call) => {
            Some(format!("{call} gets media before its recording is open"))
        }
        Order::Join { call, .. } if plan == Plan::Announced && !store.announced(*call) => {
            Some(format!("{call}: two are joined and nobody was told of the recording"))
        }
        Order::Tap { call, recording, .. } if !store.runs(*recording) => {
            Some(format!("{call} is tapped for {recording}, which does not run"))
        }
        _ => None,
    }
}

/// Everything that is wrong with a world at rest.
pub fn of(world: &World) -> Vec<String> {
    let mut faults = world.faults.clone();
    faults.extend(world.plane.faults.iter().cloned());
    faults.extend(world.store.verdict());
    at_rest(world, &mut faults);
    // A phone whose words arrive changed has no right to a sensible answer.
    let understood = world.weather.corrupt_percent == 0;
    for phone in world.phones.iter().filter(|_| understood) {
        faults.extend(phone.complaints.iter().cloned());
        dialogs(phone, &mut faults);
        if world.weather.is_faithful() && phone.registers_first && phone.timeouts > 0 && !is_left_alone(world)
        {
            faults.push(format!("{} got no answer over a faithful network", phone.id.name));
        }
    }
    for call in world.calls() {
        let records = world.store.cdrs.iter().filter(|(is, _)| *is == call).count();
        if records != 1 {
            faults.push(format!("{call} has {records} CDRs"));
        }
        if let Some(record) = world.cdr(call) {
            cdr(world, record, &mut faults);
        }
    }
    faults
}

/// Whether some phone has left others without answers on purpose.
fn is_left_alone(world: &World) -> bool {
    world.rough || world.phones.iter().any(|phone| phone.is_vanished() || phone.manners != Default::default())
}

fn at_rest(world: &World, faults: &mut Vec<String>) {
    if !world.is_at_rest() {
        faults.push("something still moves".into());
    }
    if !world.switch.is_quiet() {
        faults.push(format!("the switch keeps something: {:?}", world.switch.calls()));
    }
    if world.plane.open_legs() != 0 {
        faults.push(format!("{} ports are not returned", world.plane.open_legs()));
    }
}

/// Every dialog is over, and an answered one was ended by a BYE.
fn dialogs(phone: &Phone, faults: &mut Vec<String>) {
    for dialog in phone.dialogs.iter().filter(|_| !phone.is_vanished()) {
        if !dialog.is_over() {
            faults.push(format!("{}: a dialog is left {:?}", phone.id.name, dialog.stage));
        }
        let refused = matches!(dialog.stage, super::Stage::Over(How::Refused(_) | How::NoAnswer));
        if dialog.was_confirmed() && refused {
            faults.push(format!("{}: an answered dialog ended {:?}", phone.id.name, dialog.stage));
        }
    }
}

fn cdr(world: &World, cdr: &Cdr, faults: &mut Vec<String>) {
    let call = cdr.call;
    let mut wrong = |what: String| faults.push(format!("{call}: {what}"));
    ended_once(world, cdr, &mut wrong);
    recorded_as_long_as_talked(world, cdr, &mut wrong);
    what_the_recording_holds(world, cdr, &mut wrong);
    let legs: BTreeSet<LegId> = cdr.media.iter().map(|measured| measured.leg).collect();
    for ((_, leg), facts) in world.plane.facts.iter().filter(|((of, _), _)| *of == call) {
        let told = cdr.media.iter().find(|measured| measured.leg == *leg);
        if told
            .is_none_or(|told| (told.packets_in, told.packets_out) != (facts.packets_in, facts.packets_out))
        {
            wrong(format!("{leg} was {facts:?} and the CDR says {told:?}"));
        }
    }
    if legs.len() != cdr.media.len() {
        wrong("a leg is measured twice".into());
    }
    if world.weather.corrupt_percent > 0 {
        return;
    }
    if let Some(caller) = dialog_of(world, call, LegId(0)) {
        if caller.side == super::phone::Side::Caller && caller.was_confirmed() && cdr.answered.is_none() {
            wrong("its caller was answered and the CDR does not say so".into());
        }
        if let Some(fault) = cause_disagrees(world, cdr, caller) {
            wrong(fault);
        }
    }
    // A party that went over to another call is there now.
    let moved = cdr
        .trace
        .iter()
        .any(|entry| matches!(&entry.what, What::Call { text } if text.contains(" transfers ")));
    for party in cdr.parties.iter().skip(1).filter(|_| !moved) {
        // Its phone was rung, or came into the call by an INVITE of its own (and heard the answer, unless it vanished).
        if dialog_of(world, call, party.leg).is_none() && !is_left_alone(world) {
            wrong(format!("{} took part, says the CDR", party.leg));
        }
    }
}

fn ended_once(world: &World, cdr: &Cdr, wrong: &mut impl FnMut(String)) {
    let ends: Vec<&Change> = world
        .happenings
        .iter()
        .filter(|(_, happening)| happening.call.id == cdr.call)
        .map(|(_, happening)| &happening.change)
        .filter(|change| matches!(change, Change::Ended { .. }))
        .collect();
    let mut of_call = world.happenings.iter().filter(|(_, happening)| happening.call.id == cdr.call);
    if !matches!(of_call.next_back(), Some((_, happening)) if matches!(happening.change, Change::Ended { .. }))
    {
        wrong("something happened after its end".into());
    }
    match ends.as_slice() {
        [Change::Ended { cause, duration_ms }] if *cause == cdr.cause && *duration_ms == cdr.duration_ms => {}
        others => wrong(format!("ended {others:?}, the CDR says {} after {} ms", cdr.cause, cdr.duration_ms)),
    }
}

/// Recorded time equals talk time: nothing was said that is not on both tracks.
fn recorded_as_long_as_talked(world: &World, cdr: &Cdr, wrong: &mut impl FnMut(String)) {
    let recording = world.store.of(cdr.call);
    let plan = world.plan_of.get(&cdr.call).copied().unwrap_or(world.plan);
    // A call that is refused before it begins has nothing to record.
    let refused = cdr.cause.starts_with("encryption") && cdr.answered.is_none();
    if plan.records() != recording.is_some() && !refused {
        wrong(format!("recording: {:?}", recording.map(|(id, _)| id)));
    }
    if cdr.recording != recording.map(|(id, _)| *id) {
        wrong(format!(
            "the CDR knows of {:?}, the store of {:?}",
            cdr.recording,
            recording.map(|(id, _)| id)
        ));
    }
    let talk = world.hearing.talk.get(&cdr.call).copied().unwrap_or_default();
    let recorded = world.hearing.recorded.get(&cdr.call).copied().unwrap_or_default();
    let opened = recording.is_some_and(|(_, recording)| recording.opened.is_some());
    if opened && talk != recorded {
        wrong(format!("talked for {talk:?}, recorded for {recorded:?}"));
    }
    if plan.requires() && !opened && !talk.is_zero() {
        wrong(format!("talked for {talk:?} without a recording"));
    }
}

/// The recording's closing facts are the CDR's; on its event track holds and resumes take turns, and time does not run backwards.
fn what_the_recording_holds(world: &World, cdr: &Cdr, wrong: &mut impl FnMut(String)) {
    let Some((id, recording)) = world.store.of(cdr.call) else { return };
    if recording.opening.dialled.reveal() != cdr.dialled || recording.opening.caller != cdr.parties[0].who {
        wrong(format!("{id} was opened for others"));
    }
    if let Some((_, closing)) = &recording.closing
        && (&closing.cause, closing.answered_at, &closing.parties) != (&cdr.cause, cdr.answered, &cdr.parties)
    {
        wrong(format!("{id} was closed with {closing:?}, the CDR says {:?} {:?}", cdr.cause, cdr.parties));
    }
    let mut holds = BTreeSet::new();
    let mut last = 0;
    for (at, event) in &recording.events {
        let turn = match event {
            Event::Held { leg } => holds.insert(*leg),
            Event::Resumed { leg } => holds.remove(leg),
            _ => true,
        };
        if !turn || *at < last {
            wrong(format!("{id}: {event:?} at {at} µs is out of order"));
        }
        last = *at;
    }
}

/// The cause of a call's end must be what its caller did or met.
fn cause_disagrees(world: &World, cdr: &Cdr, caller: &Dialog) -> Option<String> {
    if !world.weather.is_faithful() || is_left_alone(world) {
        return None;
    }
    let super::Stage::Over(how) = caller.stage else { return None };
    let fits = match cdr.cause.as_str() {
        // A BYE within an early dialog ends its INVITE as a CANCEL does.
        "caller hung up" => matches!(how, How::HungUp | How::FarSideHungUp | How::Cancelled),
        "caller gave up" => how == How::Cancelled,
        "plan ended" | "administrator" => matches!(how, How::FarSideHungUp | How::HungUp | How::Refused(_)),
        "busy" | "no-answer" | "rejected" | "unreachable" | "unknown" | "failed" | "recording failed"
        | "no media port" | "no common codec" => !matches!(how, How::NoAnswer),
        _ => true,
    };
    (!fits).then(|| format!("its cause is {:?}, its caller's dialog ended {how:?}", cdr.cause))
}

/// The phone's side of a leg.
fn dialog_of(world: &World, call: CallId, leg: LegId) -> Option<&Dialog> {
    let local = world.plane.address_of(call, leg)?;
    dialog_at(local, &world.phones).map(|(_, dialog)| dialog)
}
