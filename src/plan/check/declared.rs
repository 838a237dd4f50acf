//! Lookups, scripts, words and the declarations that are lists of lines.

use std::sync::Arc;
use std::time::Duration;

use crate::base::Wall;
use crate::compliance::words::{self, Fault};
use crate::plan::ast::{self, Choice, ChoiceValue, Expr, ExprKind, FileAst, Name, Strategy, TargetUse};
use crate::plan::code::Code;
use crate::plan::declared::{
    Campaign, Card, Group, Module, Queue, Script, ScriptPart, ScriptText, ScriptVersion, TrunkRules, Webhook,
    WordSet, WordVersion,
};
use crate::plan::file::Files;
use crate::plan::finding::{Arg, Finding, Term, nearest};
use crate::plan::lookup::{Lookup, Method, host};
use crate::plan::program::PromptRef;
use crate::plan::resolved::LiveSound;
use crate::plan::source::Sources;
use crate::plan::template::{self, Part};
use crate::plan::value::{Shown, Value};
use crate::plan::verb::{Kind, Need, ValueShape};

use super::names::{Known, ScriptShape, World};
use super::option::out_of_bounds;
use super::types::Type;
use super::versions::{Version, versions};

/// How long a lookup may take.
const TIMEOUT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(10));

/// Every lookup, in the order of the files.
pub(super) fn lookups(asts: &[FileAst], world: &mut World, findings: &mut Vec<Finding>) {
    for lookup in asts.iter().flat_map(|ast| &ast.lookups) {
        let typed = |params: &[ast::Param], findings: &mut Vec<Finding>| -> Vec<(Arc<str>, Type)> {
            let mut out: Vec<(Arc<str>, Type)> = Vec::new();
            for param in params {
                if out.iter().any(|(name, _)| *name == param.name.text) {
                    findings.push(Finding::new(Code::OPTION_TWICE, param.name.span).arg(&*param.name.text));
                    continue;
                }
                let kind = match &param.kind {
                    Some(kind) => Type::of(kind, findings),
                    None => {
                        findings.push(Finding::new(Code::NO_TYPE, param.name.span).arg(&*param.name.text));
                        Type::Unknown
                    }
                };
                out.push((param.name.text.clone(), kind));
            }
            out
        };
        let takes = typed(&lookup.takes, findings);
        let yields = typed(&lookup.yields, findings);
        let (method, url) = address(lookup, &takes, &yields, findings);
        let timeout = timeout(lookup, findings);
        let fields = |typed: &[(Arc<str>, Type)]| {
            typed.iter().map(|(name, kind)| (name.clone(), kind.field())).collect()
        };
        world.declared.lookups.push(Arc::new(Lookup {
            name: lookup.name.text.clone(),
            method,
            url,
            timeout,
            takes: fields(&takes),
            yields: fields(&yields),
        }));
        world.lookups.push(Known { takes, yields: Type::Record(yields.into()) });
    }
}

fn address(
    lookup: &ast::Lookup,
    takes: &[(Arc<str>, Type)],
    yields: &[(Arc<str>, Type)],
    findings: &mut Vec<Finding>,
) -> (Method, Arc<str>) {
    let name = &lookup.name;
    let Some((post, url)) = &lookup.method else {
        if lookup.whole {
            findings.push(Finding::new(Code::LOOKUP_LACKS, name.span).arg(&*name.text).arg("get \"…\""));
        }
        return (Method::Get, "".into());
    };
    if host(&url.text).is_none() {
        findings.push(Finding::new(Code::NOT_A_URL, url.span).arg(&*url.text));
    }
    let secret = |typed: &[(Arc<str>, Type)]| typed.iter().position(|(_, kind)| *kind == Type::Secret);
    if let Some(param) = secret(takes).and_then(|at| lookup.takes.get(at)) {
        if !lookup.secret {
            findings.push(Finding::new(Code::SECRET_NOT_ACCEPTED, param.name.span).arg(&*name.text));
        }
        if !post || url.text.starts_with("http://") {
            findings.push(Finding::new(Code::SECRET_IN_CLEAR, url.span).arg(&*name.text));
        }
    }
    if let Some(param) = secret(yields).and_then(|at| lookup.yields.get(at)) {
        findings.push(Finding::new(Code::SECRET_ANSWERED, param.name.span));
    }
    (if *post { Method::Post } else { Method::Get }, url.text.clone())
}

fn timeout(lookup: &ast::Lookup, findings: &mut Vec<Finding>) -> Duration {
    let (least, most) = TIMEOUT;
    match &lookup.timeout {
        Some((amount, span)) => match amount.duration().filter(|said| (least..=most).contains(said)) {
            Some(said) => said,
            None => {
                let finding = Finding::new(Code::OUT_OF_BOUNDS, *span).arg("timeout").arg(amount.to_string());
                findings.push(finding.arg("50ms").arg("10s"));
                least
            }
        },
        None => {
            if lookup.whole {
                let finding = Finding::new(Code::UNBOUNDED, lookup.name.span).arg("lookup");
                findings.push(finding.arg("timeout").arg("timeout 800ms"));
            }
            least
        }
    }
}

/// Every script in all its versions; returns its sounds.
pub(super) fn scripts(
    asts: &[FileAst],
    sources: &dyn Sources,
    now: Option<Wall>,
    world: &mut World,
    findings: &mut Vec<Finding>,
) -> Vec<PromptRef> {
    let all: Vec<(&FileAst, &ast::Script)> =
        asts.iter().flat_map(|ast| ast.scripts.iter().map(move |script| (ast, script))).collect();
    let dated: Vec<_> = all.iter().map(|(ast, script)| (*ast, &script.name, &script.validity)).collect();
    let mut sounds = Vec::new();
    // A use finds a script by the number of its first version.
    world.scripts =
        all.iter().map(|_| ScriptShape { holes: Vec::new(), sounds: Vec::new(), usable: true }).collect();
    world.declared.scripts = all
        .iter()
        .map(|(_, script)| Script { name: script.name.text.clone(), versions: Vec::new() })
        .collect();
    for (first, versions) in versions(Kind::Script, &dated, now, findings) {
        let mut holes: Option<Vec<(Arc<str>, Type)>> = None;
        let mut out = Vec::new();
        let mut spoken: Vec<LiveSound> = Vec::new();
        let mut all_spoken = true;
        for version in &versions {
            let Some((_, script)) = all.get(version.index) else { continue };
            let (texts, own) = script_texts(script, sources, &mut sounds, findings);
            match &holes {
                Some(holes) if *holes != own => {
                    findings.push(Finding::new(Code::SCRIPT_HOLES, script.name.span).arg(&*script.name.text));
                }
                Some(_) => {}
                None => holes = Some(own),
            }
            let found =
                texts.iter().filter_map(|text| Some((text.lang.clone(), text.sound?))).collect::<Vec<_>>();
            all_spoken &= !found.is_empty();
            if let Some(first) = found.first() {
                spoken.push(LiveSound { spoken: first.0.clone(), versions: vec![(version.window, found)] });
            }
            out.push(ScriptVersion { version: version.name.clone(), window: version.window, texts });
        }
        let usable =
            now.is_none_or(|now| versions.iter().any(|version| version.window.until > now.as_micros()));
        let merged = merge(spoken).filter(|_| all_spoken);
        if let Some(shape) = world.scripts.get_mut(first) {
            *shape = ScriptShape {
                holes: holes.unwrap_or_default(),
                sounds: merged.into_iter().collect(),
                usable,
            };
        }
        if let Some(script) = world.declared.scripts.get_mut(first) {
            script.versions = out;
        }
    }
    sounds
}

fn merge(spoken: Vec<LiveSound>) -> Option<LiveSound> {
    let mut all = spoken.into_iter();
    let mut first = all.next()?;
    first.versions.extend(all.flat_map(|sound| sound.versions));
    Some(first)
}

type Holes = Vec<(Arc<str>, Type)>;

/// A value that a version of a script has by itself; `None` after a finding.
type Own = (Arc<str>, Option<(Value, Type)>);

fn script_texts(
    script: &ast::Script,
    sources: &dyn Sources,
    sounds: &mut Vec<PromptRef>,
    findings: &mut Vec<Finding>,
) -> (Vec<ScriptText>, Holes) {
    let values: Vec<Own> =
        script.values.iter().map(|(name, expr)| (name.text.clone(), constant(expr, findings))).collect();
    let (mut texts, mut holes): (Vec<ScriptText>, Holes) = (Vec::new(), Vec::new());
    for text in &script.texts {
        if texts.iter().any(|known| known.lang == text.lang.text) {
            findings.push(Finding::new(Code::LANGUAGE_TWICE, text.lang.span).arg(&*text.lang.text));
            continue;
        }
        let parts = script_parts(&text.text, &values, &mut holes, findings);
        let sound = text.sound.as_ref().and_then(|path| {
            super::prompt::find_sound(&script.name, &text.lang, path, Some(&text.text), sources, findings)
        });
        let id = sound.as_ref().map(|sound| sound.id);
        sounds.extend(sound);
        texts.push(ScriptText { lang: text.lang.text.clone(), parts, sound: id });
    }
    if texts.is_empty() && script.whole {
        findings.push(Finding::new(Code::EMPTY_SCRIPT, script.name.span).arg(&*script.name.text));
    }
    for (name, _) in &script.values {
        let used = texts.iter().flat_map(|text| &text.parts).any(|part| matches!(part, ScriptPart::Own(_)));
        if !used {
            findings.push(Finding::new(Code::UNUSED_VALUE, name.span).arg(&*name.text));
        }
    }
    (texts, holes)
}

/// A value that is known before any call.
fn constant(expr: &Expr, findings: &mut Vec<Finding>) -> Option<(Value, Type)> {
    let found = match &expr.kind {
        ExprKind::Text(text) => Some((Value::Text(crate::base::Masked::new(&**text)), Type::Text)),
        ExprKind::Int(digits) => digits.parse().ok().map(|number| (Value::Int(number), Type::Int)),
        ExprKind::Percent(text) => super::value::percent(text).map(|value| (value, Type::Percent)),
        ExprKind::Money(text) => super::value::money(text).map(|value| (value, Type::Money)),
        ExprKind::Date(date) => Some((Value::Date(*date), Type::Date)),
        ExprKind::Amount(amount) => amount.duration().map(|time| (Value::Duration(time), Type::Amount)),
        _ => None,
    };
    if found.is_none() {
        findings.push(Finding::new(Code::NOT_CONSTANT, expr.span));
    }
    found
}

fn script_parts(
    text: &Name,
    values: &[Own],
    holes: &mut Holes,
    findings: &mut Vec<Finding>,
) -> Vec<ScriptPart> {
    let mut out = Vec::new();
    for part in template::parts(&text.text) {
        match part {
            Part::Text(text) => out.push(ScriptPart::Text(text.into())),
            Part::Broken(at) => {
                findings.push(Finding::new(Code::BAD_HOLE, template::place(text.span, &at)));
            }
            Part::Hole { name, kind, at } => {
                let span = template::place(text.span, &at);
                let kind = match kind {
                    Some(kind) => Type::of(&ast::TypeUse::Named(Name { text: kind.into(), span }), findings),
                    None => Type::Text,
                };
                if let Some((_, value)) = values.iter().find(|(known, _)| **known == *name) {
                    if let Some((value, own)) = value {
                        if !kind.takes(own) {
                            let finding = Finding::new(Code::WRONG_TYPE, span).arg(name).arg(kind.term());
                            findings.push(finding.arg(own.term()));
                        }
                        out.push(ScriptPart::Own(value.clone()));
                    }
                    continue;
                }
                let Some(shown) = kind.shown() else {
                    let code = if kind == Type::Secret { Code::SECRET_LEAKS } else { Code::NOT_SHOWN };
                    findings.push(Finding::new(code, span).arg(kind.term()));
                    continue;
                };
                let at = holes.iter().position(|(known, _)| **known == *name).unwrap_or_else(|| {
                    holes.push((name.into(), kind));
                    holes.len() - 1
                });
                out.push(ScriptPart::Given(at, shown));
            }
        }
    }
    out
}

/// Every set of words, by the number of its first version.
pub(super) fn words(asts: &[FileAst], now: Option<Wall>, world: &mut World, findings: &mut Vec<Finding>) {
    let all: Vec<(&FileAst, &ast::Words)> =
        asts.iter().flat_map(|ast| ast.words.iter().map(move |words| (ast, words))).collect();
    let dated: Vec<_> = all.iter().map(|(ast, words)| (*ast, &words.name, &words.validity)).collect();
    let mut sets: Vec<WordSet> = all
        .iter()
        .map(|(_, words)| WordSet { name: words.name.text.clone(), versions: Vec::new() })
        .collect();
    for (first, versions) in versions(Kind::Words, &dated, now, findings) {
        let version = |version: &Version| {
            let (_, words) = all.get(version.index)?;
            Some(WordVersion {
                version: version.name.clone(),
                window: version.window,
                words: words.texts.iter().map(|text| text.text.clone()).collect(),
                level: words.level,
                urgent: words.urgent,
            })
        };
        if let Some(set) = sets.get_mut(first) {
            set.versions = versions.iter().filter_map(version).collect();
        }
    }
    for (_, words) in &all {
        let mut seen: Vec<&str> = Vec::new();
        for text in &words.texts {
            if let Err(fault) = words::check(&text.text) {
                findings.push(unusable(text, fault));
            } else if seen.contains(&&*text.text) {
                findings.push(Finding::new(Code::OPTION_TWICE, text.span).arg(&*text.text));
            }
            seen.push(&text.text);
        }
        if words.texts.is_empty() && words.whole {
            findings.push(Finding::new(Code::NO_WORDS, words.name.span).arg(&*words.name.text));
        }
    }
    world.declared.words = sets.into_iter().map(Arc::new).collect();
}

/// Says so at the first set, if phrases are good and still too many for one node.
pub(super) fn too_many_words(asts: &[FileAst]) -> Option<Finding> {
    let all = asts.iter().flat_map(|ast| &ast.words);
    let good = all.clone().flat_map(|set| &set.texts).all(|text| words::check(&text.text).is_ok());
    let first = all.clone().find_map(|set| set.texts.first())?;
    good.then(|| unusable(first, Fault::Full))
}

/// Why a phrase cannot be looked for.
fn unusable(phrase: &Name, fault: Fault) -> Finding {
    let why = match fault {
        Fault::Empty => return Finding::new(Code::EMPTY_WORD, phrase.span),
        Fault::TooLong => Term::new("it is too long", "太长"),
        Fault::TooManyWays => Term::new("it has too many alternatives", "备选过多"),
        Fault::Bracket => Term::new("what stands in its brackets is not known", "方括号里的内容不认识"),
        Fault::OpenGap => Term::new("a gap needs something on either side", "间隔两边都要有内容"),
        Fault::Far => Term::new("the distance is too large", "距离过大"),
        Fault::Near => {
            Term::new("`[~…]` stands once, between two phrases", "`[~…]` 只能用一次，放在两个词之间")
        }
        Fault::Star => Term::new("`*` begins or ends an exception", "`*` 只能在例外的开头或结尾"),
        Fault::Full => Term::new("there is no room for more", "已无更多空间"),
    };
    Finding::new(Code::BAD_PHRASE, phrase.span).arg(&*phrase.text).arg(why)
}

/// Who answers for which file.
pub(super) fn modules(asts: &[FileAst], files: &Files) -> Vec<Module> {
    let modules = asts.iter().filter_map(|ast| ast.module.as_ref());
    modules
        .map(|module| Module {
            name: module.name.text.clone(),
            owner: module.owner.as_ref().map(|owner| owner.text.clone()),
            approvals: module.approvals.iter().map(|(role, count)| (role.text.clone(), *count)).collect(),
            others: module.others,
            file: files.line(module.name.span).0,
        })
        .collect()
}

/// Every declaration that is a list of lines.
pub(super) fn blocks(asts: &[FileAst], files: &Files, world: &mut World, findings: &mut Vec<Finding>) {
    for (ast, block) in asts.iter().flat_map(|ast| ast.blocks.iter().map(move |block| (ast, block))) {
        for row in block.row.lines {
            let said: Vec<&Choice> = block.lines.iter().filter(|line| line.row.word == row.word).collect();
            if let (true, Need::Must(example)) = (said.is_empty() && block.whole, row.need) {
                let finding = Finding::new(Code::UNBOUNDED, block.name.span).arg(block.row.word);
                findings.push(finding.arg(row.word).arg(example));
            }
            for choice in said {
                findings.extend(out_of_bounds(choice, row));
                references(choice, row.value, world, findings);
            }
        }
        match block.row.kind {
            Kind::Trunk => trunk(block, world, findings),
            Kind::Group => group(block, world, findings),
            Kind::Queue => queue(ast, block, world, findings),
            Kind::Webhook => webhook(block, world, findings),
            Kind::Card => card(block, files, world, findings),
            Kind::Campaign => campaign(block, world, findings),
            _ => {}
        }
    }
}

/// Reports names in a line that are not declared.
fn references(choice: &Choice, shape: ValueShape, world: &World, findings: &mut Vec<Finding>) {
    match (&choice.value, shape) {
        (Some(ChoiceValue::Refs(names)), ValueShape::Ref(kind) | ValueShape::Refs(kind)) => {
            for name in names {
                world.find(kind, name, findings);
            }
        }
        (Some(ChoiceValue::Refs(names)), ValueShape::Flow) => {
            for name in names {
                world.find(Kind::Flow, name, findings);
            }
        }
        (Some(ChoiceValue::Refs(names)), ValueShape::OneOf(words)) => {
            for name in names.iter().filter(|name| !words.contains(&&*name.text)) {
                let finding = Finding::new(Code::NOT_A_WORD, name.span).arg(&*name.text);
                let finding = finding.arg(Arg::list(words.iter().copied()));
                findings.push(finding.suggest(nearest(&name.text, words.iter().copied())));
            }
        }
        (Some(ChoiceValue::Tier(_, _, script)), _) => {
            world.find(Kind::Script, script, findings);
        }
        _ => {}
    }
}

fn line<'b>(block: &'b ast::Lines, word: &str) -> Option<&'b ChoiceValue> {
    block.lines.iter().find(|line| line.row.word == word).and_then(|line| line.value.as_ref())
}

fn texts(block: &ast::Lines, word: &str) -> Vec<Name> {
    match line(block, word) {
        Some(ChoiceValue::Texts(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}

fn names(block: &ast::Lines, word: &str) -> Vec<Name> {
    let of = |choice: &Choice| match &choice.value {
        Some(ChoiceValue::Refs(names)) => names.clone(),
        _ => Vec::new(),
    };
    block.lines.iter().filter(|line| line.row.word == word).flat_map(of).collect()
}

fn amount(block: &ast::Lines, word: &str) -> Option<Duration> {
    match line(block, word) {
        Some(ChoiceValue::Amount(amount)) => amount.duration(),
        _ => None,
    }
}

fn count(block: &ast::Lines, word: &str, unsaid: u32) -> u32 {
    match line(block, word) {
        Some(ChoiceValue::Count(count) | ChoiceValue::Rate(count)) => {
            u32::try_from(*count).unwrap_or(u32::MAX)
        }
        _ => unsaid,
    }
}

fn plain(names: Vec<Name>) -> Vec<Arc<str>> {
    names.into_iter().map(|name| name.text).collect()
}

fn trunk(block: &ast::Lines, world: &mut World, findings: &mut Vec<Finding>) {
    world.site.trunk(&block.name, findings);
    let caller_ids = texts(block, "caller-id");
    for number in caller_ids.iter().filter(|number| !is_number(&number.text)) {
        findings.push(Finding::new(Code::BAD_NUMBER, number.span).arg(&*number.text));
    }
    let mut rewrites = Vec::new();
    for choice in &block.lines {
        if let Some(ChoiceValue::Rewrite(from, to)) = &choice.value {
            let pattern = super::route::pattern(from, findings);
            let known: Vec<Arc<str>> = pattern
                .iter()
                .flat_map(|pattern| &pattern.captures)
                .map(|capture| capture.name.clone())
                .collect();
            for part in template::parts(&to.text) {
                if let Part::Hole { name, at, .. } = part
                    && !known.iter().any(|known| **known == *name)
                {
                    let span = template::place(to.span, &at);
                    let finding =
                        Finding::new(Code::UNKNOWN_NAME, span).arg(Term::new("capture", "捕获")).arg(name);
                    findings.push(finding.suggest(nearest(name, known.iter().map(|known| &**known))));
                }
            }
            rewrites.push((from.text.clone(), to.text.clone()));
        }
    }
    let name = block.name.text.clone();
    world.declared.trunks.push(TrunkRules { name, caller_ids: plain(caller_ids), rewrites });
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    !digits.is_empty() && digits.chars().all(|ch| ch.is_ascii_digit())
}

fn group(block: &ast::Lines, world: &mut World, findings: &mut Vec<Finding>) {
    let targets: &[TargetUse] = match line(block, "members") {
        Some(ChoiceValue::Targets(targets)) => targets,
        _ => &[],
    };
    let members = targets.iter().filter_map(|target| super::verb::member(target, world, findings)).collect();
    let strategy = match plain(names(block, "ring")).first().map(|word| &**word) {
        Some("in-order") => Strategy::InOrder,
        Some("round-robin") => Strategy::RoundRobin,
        _ => Strategy::All,
    };
    let each = amount(block, "each").unwrap_or(Duration::from_secs(15));
    world.declared.groups.push(Arc::new(Group { name: block.name.text.clone(), members, strategy, each }));
}

fn queue(ast: &FileAst, block: &ast::Lines, world: &mut World, findings: &mut Vec<Finding>) {
    let music = match line(block, "music") {
        Some(ChoiceValue::Prompts(prompts)) => {
            super::prompt::sounds(prompts, ast.language.as_ref(), world, findings)
                .at_or_last(Wall::from_micros(0))
        }
        _ => Vec::new(),
    };
    world.declared.queues.push(Arc::new(Queue {
        name: block.name.text.clone(),
        agents: plain(names(block, "agents")).pop().unwrap_or_else(|| "".into()),
        size: count(block, "size", 100),
        music,
        order: plain(names(block, "order")).pop().unwrap_or_else(|| "longest-idle".into()),
        announce: amount(block, "announce"),
    }));
}

fn webhook(block: &ast::Lines, world: &mut World, findings: &mut Vec<Finding>) {
    let url = texts(block, "post").pop();
    for url in url.iter().filter(|url| host(&url.text).is_none()) {
        findings.push(Finding::new(Code::NOT_A_URL, url.span).arg(&*url.text));
    }
    let url = url.map_or_else(|| "".into(), |url| url.text);
    world.declared.webhooks.push(Arc::new(Webhook { name: block.name.text.clone(), url }));
}

fn card(block: &ast::Lines, files: &Files, world: &mut World, findings: &mut Vec<Finding>) {
    let text = |word: &str| texts(block, word).pop();
    for link in text("link").iter().filter(|link| host(&link.text).is_none()) {
        findings.push(Finding::new(Code::NOT_A_URL, link.span).arg(&*link.text));
    }
    world.declared.cards.push(Arc::new(Card {
        name: block.name.text.clone(),
        title: text("title").map_or_else(|| "".into(), |title| title.text),
        text: text("text").map(|text| text.text),
        link: text("link").map(|link| link.text),
        on: plain(names(block, "on")),
        place: files.line(block.name.span),
    }));
}

fn campaign(block: &ast::Lines, world: &mut World, findings: &mut Vec<Finding>) {
    let window = match line(block, "window") {
        Some(ChoiceValue::Clocks(clocks)) => {
            if clocks.end <= clocks.start {
                findings.push(Finding::new(Code::NIGHT_CALLS, clocks.span));
            }
            (clocks.start, clocks.end)
        }
        _ => (0, 0),
    };
    let mut tiers: Vec<(u32, u32, Arc<str>)> = Vec::new();
    for choice in &block.lines {
        if let Some(ChoiceValue::Tier(least, most, script)) = &choice.value {
            let number = |days: &u64| u32::try_from(*days).unwrap_or(u32::MAX);
            let (least, most) = (number(least), number(most));
            if most < least || tiers.iter().any(|(from, to, _)| least <= *to && *from <= most) {
                findings.push(Finding::new(Code::TIERS_MEET, choice.span).arg(format!("{least}..{most}")));
            }
            tiers.push((least, most, script.text.clone()));
        }
    }
    world.declared.campaigns.push(Campaign {
        name: block.name.text.clone(),
        window,
        limit: count(block, "limit", 1),
        tiers,
        caller_ids: plain(texts(block, "caller-id")),
        flow: plain(names(block, "answered")).pop().unwrap_or_else(|| "".into()),
        pace: count(block, "pace", 60),
    });
}

/// How a value of a use is shown that a script's hole takes.
pub(super) fn shown(kind: &Type) -> Shown {
    kind.shown().unwrap_or(Shown::Text)
}
