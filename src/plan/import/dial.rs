//! `Dial` and the jumps by its outcome → `dial` with its arms.

use super::apps::{Goes, cut, who};
use super::flows::{Importer, Spot};
use super::read::{Exten, split};
use super::values::{Scope, Value, name, quoted};

/// Outcomes of `Dial` as the other switch names them.
const STATUSES: [(&str, &str); 6] = [
    ("BUSY", "busy"),
    ("NOANSWER", "no-answer"),
    ("CHANUNAVAIL", "unreachable"),
    ("CONGESTION", "failed"),
    ("ANSWER", "answered"),
    ("DONTCALL", "rejected"),
];

impl Importer<'_> {
    /// `Dial(PJSIP/a&PJSIP/b,20,t)` with the jumps by DIALSTATUS that follow it.
    pub(super) fn dial(
        &mut self,
        spot: Spot,
        exten: &Exten,
        at: usize,
        scope: &Scope,
        out: &mut String,
    ) -> Goes {
        let Some(step) = exten.steps.get(at) else {
            return Goes::Left;
        };
        let mut targets = Vec::new();
        let dialled = step.args.first().map_or("", String::as_str);
        let dialled = match scope.value(dialled) {
            Some(Value::Text(known)) => known,
            _ => dialled.to_string(),
        };
        for target in dialled.split('&').filter(|target| !target.is_empty()) {
            match self.target(target, scope) {
                Some(target) => targets.push(target),
                None => {
                    self.todo(step, ("this target is not carried over", "呼叫目标未转换"), out);
                }
            }
        }
        if let Some(options) =
            step.args.get(2).filter(|options| options.contains(|ch: char| !"tTrRhHkKwWxXiI".contains(ch)))
        {
            let said = format!("dial options {options}");
            self.note(
                step.line,
                &said,
                "options of `Dial` besides t, r, w, k are not carried over",
                "`Dial` 选项（t、r、w、k 之外）未转换",
            );
        }
        if targets.is_empty() {
            return Goes::On;
        }
        let ring = step.args.get(1).and_then(|ring| match scope.value(ring)? {
            Value::Text(ring) => ring.parse::<u64>().ok().map(|ring| ring.clamp(5, 300)),
            Value::Named(_) => None,
        });
        let ring = ring.map_or(String::new(), |ring| format!(" for {ring}s"));
        let (arms, used, rest) = self.arms(spot, exten, at, scope);
        let last = exten.steps.get(at + used + 1).is_none();
        *out += &format!("dial {}{ring}", targets.join(", "));
        if arms.is_empty() && last {
            // Every outcome ends the call by itself.
            out.push('\n');
            return Goes::Left;
        }
        *out += " {\n";
        for (outcome, way) in &arms {
            *out += &format!("{outcome} -> {way}\n");
        }
        if !arms.iter().any(|(outcome, _)| outcome == "answered") {
            *out += "answered -> end\n";
        }
        match rest {
            Some(way) => {
                *out += &format!("else -> {way}\n}}\n");
                Goes::Left
            }
            None => {
                *out += "else -> { }\n}\n";
                Goes::Skips(used)
            }
        }
    }

    /// The jumps by DIALSTATUS behind a `Dial`: for outcomes, how many steps they are, and where all others go.
    fn arms(
        &mut self,
        spot: Spot,
        exten: &Exten,
        at: usize,
        scope: &Scope,
    ) -> (Vec<(String, String)>, usize, Option<String>) {
        let (mut arms, mut used) = (Vec::new(), 0);
        while let Some(step) = exten.steps.get(at + used + 1).filter(|step| step.raw.contains("DIALSTATUS")) {
            if step.app == "noop" || step.app == "verbose" {
                used += 1;
                continue;
            }
            if step.app == "goto" {
                for (theirs, ours) in STATUSES {
                    let to = step.raw.replace("${DIALSTATUS}", theirs);
                    let way = self.jump_to(spot, &to, scope);
                    arms.extend(way.map(|way| (ours.to_string(), way.trim_start_matches("-> ").to_string())));
                }
                used += 1;
                break;
            }
            let found =
                cut(&step.raw, '?').filter(|_| step.app == "gotoif").and_then(|(condition, places)| {
                    let (_, ours) = STATUSES.iter().find(|(theirs, _)| condition.contains(theirs))?;
                    Some((*ours, split(places, ':')))
                });
            let Some((outcome, places)) = found else {
                break;
            };
            used += 1;
            let mut way = |at: usize| {
                let place = places.get(at).filter(|place| !place.is_empty())?;
                Some(self.jump_to(spot, place, scope)?.trim_start_matches("-> ").to_string())
            };
            let (yes, no) = (way(0), way(1));
            arms.extend(yes.map(|way| (outcome.to_string(), way)));
            if no.is_some() {
                return (arms, used, no);
            }
        }
        (arms, used, None)
    }

    /// `PJSIP/bob`, `SIP/${EXTEN}@trunk`, `PJSIP/trunk/${EXTEN:1}`, `DAHDI/g1/${EXTEN}`
    fn target(&mut self, target: &str, scope: &Scope) -> Option<String> {
        let mut parts = target.trim().splitn(2, '/');
        let tech = parts.next()?.to_uppercase();
        let rest = parts.next()?;
        if !matches!(tech.as_str(), "SIP" | "PJSIP" | "IAX2" | "DAHDI" | "ZAP") {
            return None;
        }
        let over =
            rest.split_once('@').map(|(number, trunk)| (trunk, number)).or_else(|| rest.split_once('/'));
        if let Some((trunk, number)) = over {
            let trunk = match scope.value(trunk)? {
                Value::Text(trunk) => name(&trunk),
                Value::Named(_) => return None,
            };
            return Some(match scope.value(number)? {
                Value::Named(value) => format!("trunk {trunk} number {{{value}}}"),
                Value::Text(number) => format!("trunk {trunk} number {}", quoted(&number)),
            });
        }
        Some(match scope.value(rest)? {
            Value::Named(value) => format!("user {{{value}}}"),
            Value::Text(user) => format!("user {}", who(&user)),
        })
    }
}
