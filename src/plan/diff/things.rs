//! What is declared besides routes and flows, compared by name, each said in its own terms.

use std::sync::Arc;

use crate::compliance::words::Level;
use crate::plan::declared::{Campaign, Group, WordVersion};
use crate::plan::diagnostic::Lang;
use crate::plan::program::Program;
use crate::plan::resolved::{Sounds, Window};
use crate::plan::tell::{Both, Teller, clock, hours, limits, list, reaction, rules, script_text, time, word};

use super::{Change, ChangeKind};

/// Things of one kind: the name of each, and what is to be said of it, part by part. Parts of one name are compared.
type Told = Vec<(String, Vec<(Both, Both)>)>;

/// Tells the things of one kind.
type Tell = fn(&Program) -> Told;

/// What differs in the demands of policies, name by name.
pub(super) fn policies(before: &Program, now: &Program) -> Vec<Change> {
    let told = |program: &Program| -> Told {
        let all = program.policies.iter().enumerate();
        all.map(|(number, entry)| {
            let to: Vec<String> = entry.rule.to.iter().map(|pattern| pattern.written()).collect();
            let about = Both::of(|lang| limits(lang, &entry.rule.from, &to));
            let mut parts = vec![(Both::new("for", "适用于"), about)];
            parts.extend(rules(program, &entry.rule, number));
            (entry.rule.name.to_string(), parts)
        })
        .collect()
    };
    compare(ChangeKind::Policy, &told(before), &told(now))
}

/// What differs in all else.
pub(super) fn declared(before: &Program, now: &Program) -> Vec<Change> {
    const KINDS: [(ChangeKind, Tell); 13] = [
        (ChangeKind::Script, scripts),
        (ChangeKind::Words, words),
        (ChangeKind::Prompt, prompts),
        (ChangeKind::Hours, all_hours),
        (ChangeKind::Lookup, lookups),
        (ChangeKind::Queue, queues),
        (ChangeKind::Group, groups),
        (ChangeKind::Trunk, trunks),
        (ChangeKind::Webhook, webhooks),
        (ChangeKind::Card, cards),
        (ChangeKind::Campaign, campaigns),
        (ChangeKind::Feature, features),
        (ChangeKind::Module, modules),
    ];
    KINDS.into_iter().flat_map(|(kind, told)| compare(kind, &told(before), &told(now))).collect()
}

/// Compares things of one kind by their names, and their parts by theirs.
fn compare(kind: ChangeKind, before: &Told, now: &Told) -> Vec<Change> {
    let mut out = Vec::new();
    for (name, parts) in now {
        let of = |part: &Both| match part.en.is_empty() {
            true => Both::same(name.clone()),
            false => Both::new(format!("{name}, {}", part.en), format!("{name}，{}", part.zh)),
        };
        let Some((_, was)) = before.iter().find(|(known, _)| known == name) else {
            let (of, now) = (Both::same(name.clone()), summary(parts));
            out.push(Change { kind, of, now, before: Both::default() });
            continue;
        };
        for part in parts.iter().chain(was).map(|(part, _)| part) {
            let change = Change { kind, of: of(part), now: joined(parts, part), before: joined(was, part) };
            if change.now != change.before && !out.contains(&change) {
                out.push(change);
            }
        }
    }
    for (name, parts) in before.iter().filter(|(name, _)| !now.iter().any(|(known, _)| known == name)) {
        let (of, before) = (Both::same(name.clone()), summary(parts));
        out.push(Change { kind, of, now: Both::default(), before });
    }
    out
}

fn joined(parts: &[(Both, Both)], name: &Both) -> Both {
    let mut all: Vec<&Both> = parts.iter().filter(|(part, _)| part == name).map(|(_, text)| text).collect();
    all.sort();
    Both::of(|lang| all.iter().map(|text| text.say(lang)).collect::<Vec<_>>().join(word(lang, "; ", "；")))
}

fn summary(parts: &[(Both, Both)]) -> Both {
    Both::of(|lang| {
        let told = parts.iter().filter(|(_, text)| !text.say(lang).is_empty());
        let parts = told.map(|(part, text)| match part.say(lang) {
            "" => text.say(lang).to_string(),
            part => format!("{part} {}", text.say(lang)),
        });
        parts.collect::<Vec<_>>().join(word(lang, "; ", "；"))
    })
}

fn window(program: &Program, lang: Lang, window: Window) -> String {
    let when = Teller { program, lang, known: &[] }.window(window);
    if window == Window::ALWAYS { String::new() } else { format!(" ({when})") }
}

fn scripts(program: &Program) -> Told {
    // A script stands here once for each of its declarations, with its versions at the first.
    let all = program.declared().scripts.iter().filter(|script| !script.versions.is_empty());
    all.map(|script| {
        let versions = script.versions.iter().map(|one| {
            let said =
                Both::of(|lang| format!("{}{}", script_text(lang, one), window(program, lang, one.window)));
            (Both::same(&*one.version), said)
        });
        (script.name.to_string(), versions.collect())
    })
    .collect()
}

fn words(program: &Program) -> Told {
    let of = |one: &WordVersion| {
        Both::of(|lang| {
            let mut words: Vec<String> = one.words.iter().map(ToString::to_string).collect();
            words.sort();
            let level = match one.level {
                Level::Exact => "",
                Level::Homophone => word(lang, ", and what sounds alike", "，含同音"),
                Level::Near => word(lang, ", and what nearly sounds alike", "，含近音"),
            };
            let urgent = if one.urgent { word(lang, ", urgent", "，紧急生效") } else { "" };
            format!("{}{level}{urgent}{}", list(lang, &words), window(program, lang, one.window))
        })
    };
    let all = program.declared().words.iter().filter(|set| !set.versions.is_empty());
    all.map(|set| {
        let versions = set.versions.iter().map(|one| (Both::same(&*one.version), of(one)));
        (set.name.to_string(), versions.collect())
    })
    .collect()
}

fn prompts(program: &Program) -> Told {
    let mut out: Told = Vec::new();
    for prompt in program.prompts() {
        let sound: String = prompt.sha256.iter().take(4).map(|octet| format!("{octet:02x}")).collect();
        let says = prompt.says.as_ref().map(|says| format!(" “{says}”")).unwrap_or_default();
        let text = Both::new(
            format!("{}{says} (sound {sound})", prompt.path),
            format!("{}{says}（录音 {sound}）", prompt.path),
        );
        let part = (Both::same(&*prompt.lang), text);
        match out.iter_mut().find(|(name, _)| **name == *prompt.name) {
            Some((_, parts)) => parts.push(part),
            None => out.push((prompt.name.to_string(), vec![part])),
        }
    }
    out
}

fn plain(text: Both) -> Vec<(Both, Both)> {
    vec![(Both::default(), text)]
}

fn all_hours(program: &Program) -> Told {
    let all = program.hours.iter().zip(&program.calendars);
    all.map(|(name, calendar)| {
        let days = calendar.days.iter().map(|(day, off)| format!("{day}{}", if *off { "" } else { "+" }));
        let mut parts = plain(Both::of(|lang| hours(lang, calendar)));
        parts.push((Both::new("days by table", "假日表"), Both::same(days.collect::<Vec<_>>().join(" "))));
        let zone = calendar.zone.iana_name().unwrap_or("UTC");
        parts.push((Both::new("time zone", "时区"), Both::same(zone)));
        (name.to_string(), parts)
    })
    .collect()
}

fn lookups(program: &Program) -> Told {
    let all = program.declared().lookups.iter();
    all.map(|lookup| {
        let fields = |fields: &[crate::plan::lookup::Field]| {
            fields.iter().map(|(name, kind)| format!("{name}: {kind:?}")).collect::<Vec<_>>().join(", ")
        };
        let parts = vec![
            (Both::new("asks", "地址"), Both::same(format!("{} {}", lookup.method.word(), lookup.url))),
            (Both::new("takes", "参数"), Both::same(fields(&lookup.takes))),
            (Both::new("yields", "返回"), Both::same(fields(&lookup.yields))),
            (Both::new("time limit", "时限"), Both::same(time(lookup.timeout))),
        ];
        (lookup.name.to_string(), parts)
    })
    .collect()
}

fn queues(program: &Program) -> Told {
    let all = program.declared().queues.iter();
    all.map(|queue| {
        let music = Both::of(|lang| {
            let sounds = Sounds::Fixed(queue.music.as_slice().into());
            Teller { program, lang, known: &[] }.sounds(&sounds, "")
        });
        let announce = Both::same(queue.announce.map(time).unwrap_or_default());
        let parts = vec![
            (Both::new("agents", "坐席组"), Both::same(&*queue.agents)),
            (Both::new("size", "容量"), Both::same(queue.size.to_string())),
            (Both::new("order", "分配方式"), Both::same(&*queue.order)),
            (Both::new("music", "等待音乐"), music),
            (Both::new("place told every", "播报位置间隔"), announce),
        ];
        (queue.name.to_string(), parts)
    })
    .collect()
}

fn groups(program: &Program) -> Told {
    let of = |group: &Arc<Group>| {
        let members = Both::of(|lang| {
            let teller = Teller { program, lang, known: &[] };
            list(lang, &group.members.iter().map(|member| teller.target(member)).collect::<Vec<_>>())
        });
        let how = Both::same(format!("{:?}, {}", group.strategy, time(group.each)));
        vec![(Both::new("members", "成员"), members), (Both::new("ringing", "振铃方式"), how)]
    };
    program.declared().groups.iter().map(|group| (group.name.to_string(), of(group))).collect()
}

fn trunks(program: &Program) -> Told {
    let all = program.declared().trunks.iter();
    all.map(|trunk| {
        let rewrites: Vec<String> =
            trunk.rewrites.iter().map(|(from, to)| format!("\"{from}\" as \"{to}\"")).collect();
        let parts = vec![
            (Both::new("shown numbers", "主叫号码"), Both::same(trunk.caller_ids.join(", "))),
            (Both::new("numbers written", "号码写法"), Both::same(rewrites.join(", "))),
        ];
        (trunk.name.to_string(), parts)
    })
    .collect()
}

fn webhooks(program: &Program) -> Told {
    let all = program.declared().webhooks.iter();
    all.map(|webhook| (webhook.name.to_string(), plain(Both::same(&*webhook.url)))).collect()
}

fn cards(program: &Program) -> Told {
    let text = |text: &Option<Arc<str>>| Both::same(text.as_deref().unwrap_or_default());
    let all = program.declared().cards.iter();
    all.map(|card| {
        let parts = vec![
            (Both::new("title", "标题"), Both::same(&*card.title)),
            (Both::new("text", "正文"), text(&card.text)),
            (Both::new("link", "链接"), text(&card.link)),
            (Both::new("shown when the customer says", "客户提到时弹出"), Both::same(card.on.join(", "))),
        ];
        (card.name.to_string(), parts)
    })
    .collect()
}

fn campaigns(program: &Program) -> Told {
    let of = |campaign: &Campaign| {
        let (from, until) = campaign.window;
        let tiers: Vec<String> =
            campaign.tiers.iter().map(|(from, to, script)| format!("{from}–{to} {script}")).collect();
        vec![
            (Both::new("window", "时段"), Both::same(format!("{}–{}", clock(from), clock(until)))),
            (Both::new("calls a day to one person", "每人每天次数"), Both::same(campaign.limit.to_string())),
            (Both::new("scripts by days overdue", "逾期天数与话术"), Both::same(tiers.join(", "))),
            (Both::new("shown numbers", "主叫号码"), Both::same(campaign.caller_ids.join(", "))),
            (Both::new("answered calls go to", "接通后转到"), Both::same(&*campaign.flow)),
            (Both::new("calls an hour", "每小时呼叫数"), Both::same(campaign.pace.to_string())),
        ]
    };
    program.declared().campaigns.iter().map(|campaign| (campaign.name.to_string(), of(campaign))).collect()
}

fn features(program: &Program) -> Told {
    let all = program.features.iter();
    all.map(|(code, number)| (code.to_string(), plain(Both::of(|lang| reaction(program, lang, *number)))))
        .collect()
}

fn modules(program: &Program) -> Told {
    let all = program.declared().modules.iter();
    all.map(|module| {
        let approvals = Both::of(|lang| {
            let all: Vec<String> =
                module.approvals.iter().map(|(role, count)| format!("{role} x{count}")).collect();
            let others = if module.others { word(lang, ", not the author", "，作者除外") } else { "" };
            format!("{}{others}", list(lang, &all))
        });
        let owner = Both::same(module.owner.as_deref().unwrap_or_default());
        let parts =
            vec![(Both::new("owner", "负责人"), owner), (Both::new("must sign", "须签批"), approvals)];
        (module.name.to_string(), parts)
    })
    .collect()
}
