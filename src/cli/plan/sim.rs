//! `plan sim`: one call in virtual time, scripted by arguments or played at a terminal.

use std::collections::VecDeque;
use std::io::{BufRead, IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::base::Masked;
use crate::cli::args;
use crate::cli::exit::{Exit, Stop};
use crate::cli::print::Printer;
use crate::io::plans::Loaded;
use crate::plan::sim::{self, Caller, Player};
use crate::plan::{Deed, Ended, Lookup, Origin, Outcome, Target, TraceLine, Value};

pub(super) fn run(plans: &[Loaded], args: &args::Sim, printer: &Printer) -> Result<Exit, Stop> {
    let program = plans.iter().find_map(|loaded| loaded.program.as_ref());
    let Some(program) = program else {
        return Err(Stop::usage("the plan does not load: `ledgerline plan check` says why".to_string()));
    };
    let at = args.at.map_or_else(crate::io::clock::wall, |moment| moment.0);
    let caller = Caller {
        from: Masked::new(&args.from),
        to: Masked::new(&args.to),
        origin: args.trunk.as_deref().map(|trunk| Origin::Trunk(trunk.into())),
        at,
        during: args.during.as_deref().map(Into::into),
    };
    let scripted =
        !args.press.is_empty() || !args.stub.is_empty() || !args.say.is_empty() || !args.lookup.is_empty();
    let asks = !scripted && std::io::stdin().is_terminal() && !printer.is_json();
    let mut player = Someone::of(args, asks)?;
    let Some(run) = sim::run(program, &caller, &mut player) else {
        return Err(Stop::usage(format!("no route takes a call to {}", caller.to)));
    };
    let lines: Vec<Json> = run
        .lines
        .iter()
        .map(|(at, line)| {
            json!({ "at_ms": u64::try_from(at.as_millis()).unwrap_or(u64::MAX), "file": &*line.file, "line": line.line, "text": line.text })
        })
        .collect();
    let result = json!({ "lines": lines, "ended": run.ended.word() });
    printer.value(&result, |_| {
        let mut said = String::new();
        if !asks {
            for (at, entry) in &run.lines {
                said += &line(*at, entry);
                said.push('\n');
            }
        }
        said + &format!("{:>9}  the call ends: {}\n", "", run.ended.word())
    });
    Ok(Exit::Done)
}

/// A line of a trace, as `call explain` shows it.
pub(super) fn line(at: Duration, line: &TraceLine) -> String {
    format!("{:>8.3}s  {}:{}  {}", at.as_secs_f64(), line.file, line.line, line.text)
}

/// Whoever plays: the arguments, or a person at the terminal.
struct Someone {
    press: VecDeque<String>,
    stubs: Vec<(String, String, Option<u64>)>,
    lookups: Vec<(String, String)>,
    says: VecDeque<(bool, Arc<str>)>,
    asks: bool,
}

impl Someone {
    fn of(args: &args::Sim, asks: bool) -> Result<Someone, Stop> {
        let pair = |text: &str| -> Result<(String, String), Stop> {
            let (name, value) = text
                .split_once('=')
                .ok_or_else(|| Stop::usage(format!("`{text}` is not written NAME=VALUE")))?;
            Ok((name.to_string(), value.to_string()))
        };
        let mut stubs = Vec::new();
        for stub in &args.stub {
            let (name, value) = pair(stub)?;
            let (word, count) = value.split_once(':').unwrap_or((&value, ""));
            stubs.push((name, word.to_string(), count.parse().ok()));
        }
        let lookups = args.lookup.iter().map(|text| pair(text)).collect::<Result<_, _>>()?;
        let says = args.say.iter().map(|text| match text.split_once(':') {
            Some((party, text)) => (party.trim() == "agent", text.trim().into()),
            None => (false, text.as_str().into()),
        });
        Ok(Someone { press: args.press.clone().into(), stubs, lookups, says: says.collect(), asks })
    }

    fn ask(&self, question: &str) -> Option<String> {
        if !self.asks {
            return None;
        }
        eprint!("{question}> ");
        std::io::stderr().flush().ok()?;
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer).ok()?;
        Some(answer.trim().to_string())
    }

    fn stub(&self, name: &str) -> Option<(&str, Option<u64>)> {
        let found = self.stubs.iter().find(|(known, _, _)| known == name);
        found.map(|(_, word, count)| (word.as_str(), *count))
    }
}

impl Player for Someone {
    fn keys(&mut self, most: u8, secret: bool) -> Option<String> {
        let question = if secret { "the caller presses (secret)" } else { "the caller presses" };
        let keys = self.ask(question).or_else(|| self.press.pop_front())?;
        (!keys.is_empty()).then(|| keys.chars().take(most.into()).collect())
    }

    fn dial(&mut self, targets: &[Target], _ring: Duration) -> (Outcome, Option<Duration>) {
        let words = Outcome::ALL.map(Outcome::word).join(" ");
        let list: Vec<String> = targets.iter().map(Target::to_string).collect();
        let named = targets.iter().find_map(|target| {
            let (Target::User(who)
            | Target::Group(who)
            | Target::Number(who)
            | Target::Trunk { number: who, .. }) = target;
            self.stub(who.reveal()).map(|(word, _)| word.to_string())
        });
        let word = named.or_else(|| self.ask(&format!("{} ({words})", list.join(", "))));
        let outcome = word.and_then(|word| Outcome::ALL.into_iter().find(|outcome| outcome.word() == word));
        (outcome.unwrap_or(Outcome::Answered), None)
    }

    fn lookup(&mut self, lookup: &Lookup, _values: &[Value]) -> Option<Arc<[Value]>> {
        let given =
            self.lookups.iter().find(|(name, _)| **name == *lookup.name).map(|(_, json)| json.clone());
        let json =
            given.or_else(|| self.ask(&format!("lookup {} answers (JSON; nothing: down)", lookup.name)))?;
        match lookup.read(json.as_bytes()) {
            Ok(fields) => Some(fields),
            Err(error) => {
                eprintln!("lookup {}: {error}", lookup.name);
                None
            }
        }
    }

    fn deed(&mut self, deed: &Deed) -> (Ended, Option<Duration>) {
        let (name, unsaid): (&str, Ended) = match deed {
            Deed::Queue(queueing) => (&queueing.queue.name, Ended::Answered),
            Deed::Monitors { group, count, .. } => {
                let free = self.stub(group).and_then(|(_, free)| free);
                let enough = free.is_none_or(|free| free >= u64::from(*count));
                return (if enough { Ended::Done } else { Ended::Timeout }, None);
            }
            Deed::Voicemail { mailbox, .. } => (mailbox.reveal(), Ended::Recorded),
            Deed::Callback { .. } => ("callback", Ended::Booked),
            Deed::Conference { room, .. } => (room.reveal(), Ended::Left),
            Deed::Park { .. } => ("park", Ended::Answered),
            Deed::Pickup { user } => (user.reveal(), Ended::Answered),
            _ => return (Ended::Done, None),
        };
        let stubbed = self.stub(name).map(|(word, _)| word.to_string());
        let words = Ended::ALL.map(Ended::word).join(" ");
        let word = stubbed.or_else(|| self.ask(&format!("{} {name} ({words})", deed.word())));
        let ended = word.and_then(|word| Ended::ALL.into_iter().find(|ended| ended.word() == word));
        (ended.unwrap_or(unsaid), None)
    }

    fn says(&mut self) -> Option<(bool, Arc<str>)> {
        if let Some(said) = self.says.pop_front() {
            return Some(said);
        }
        let said = self.ask("somebody says (agent: … / customer: …; nothing: they hang up)")?;
        if said.is_empty() {
            return None;
        }
        let (agent, text) = match said.split_once(':') {
            Some((party, text)) => (party.trim() == "agent", text.trim()),
            None => (false, said.as_str()),
        };
        Some((agent, text.into()))
    }

    fn line(&mut self, after: Duration, entry: &TraceLine) {
        if self.asks {
            println!("{}", line(after, entry));
        }
    }
}
