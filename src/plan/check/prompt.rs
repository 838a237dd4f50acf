//! Prompts: their files, their languages, and which sounds a use of them means.

use std::sync::Arc;

use crate::base::Wall;
use crate::plan::ast::{self, FileAst, Name, PromptUse};
use crate::plan::code::Code;
use crate::plan::finding::Finding;
use crate::plan::program::PromptRef;
use crate::plan::resolved::{LiveSound, Sounds, Window};
use crate::plan::source::{SoundError, Sources};
use crate::plan::verb::Kind;

use super::gather::is_inside;
use super::names::World;
use super::versions::{Version, versions};

/// A declared prompt.
#[derive(Debug)]
pub(super) struct Prompt {
    pub sounds: Vec<Sound>,
    /// All versions of its name, if it is the first of them and there is anything to say of time.
    pub versions: Vec<Version>,
}

/// One language of a prompt; `found` is absent when its file cannot be used.
#[derive(Debug)]
pub(super) struct Sound {
    pub lang: Arc<str>,
    pub found: Option<PromptRef>,
}

/// Looks at every prompt of every file.
pub(super) fn prompts(
    asts: &[FileAst],
    sources: &dyn Sources,
    now: Option<Wall>,
    findings: &mut Vec<Finding>,
) -> Vec<Prompt> {
    let all = asts.iter().flat_map(|ast| &ast.prompts);
    let mut prompts: Vec<Prompt> = all.map(|prompt| check_prompt(prompt, sources, findings)).collect();
    let dated = asts
        .iter()
        .flat_map(|ast| ast.prompts.iter().map(move |prompt| (ast, &prompt.name, &prompt.validity)));
    let dated: Vec<_> = dated.collect();
    for (first, versions) in versions(Kind::Prompt, &dated, now, findings) {
        let timeless = versions.iter().all(|version| version.window == Window::ALWAYS);
        if let Some(prompt) = prompts.get_mut(first).filter(|_| !timeless) {
            prompt.versions = versions;
        }
    }
    prompts
}

fn check_prompt(prompt: &ast::Prompt, sources: &dyn Sources, findings: &mut Vec<Finding>) -> Prompt {
    let mut sounds: Vec<Sound> = Vec::new();
    for sound in &prompt.sounds {
        let lang = sound.lang.text.clone();
        if sounds.iter().any(|known| known.lang == lang) {
            findings.push(Finding::new(Code::LANGUAGE_TWICE, sound.lang.span).arg(&*lang));
            continue;
        }
        let found = check_sound(prompt, sound, sources, findings);
        sounds.push(Sound { lang, found });
    }
    if prompt.sounds.is_empty() && prompt.whole {
        findings.push(Finding::new(Code::SILENT_PROMPT, prompt.name.span).arg(&*prompt.name.text));
    }
    Prompt { sounds, versions: Vec::new() }
}

fn check_sound(
    prompt: &ast::Prompt,
    sound: &ast::PromptSound,
    sources: &dyn Sources,
    findings: &mut Vec<Finding>,
) -> Option<PromptRef> {
    find_sound(&prompt.name, &sound.lang, &sound.path, sound.says.as_ref(), sources, findings)
}

/// The sound at `path`, which speaks `lang` for `name`.
pub(super) fn find_sound(
    name: &Name,
    lang: &Name,
    path: &Name,
    says: Option<&Name>,
    sources: &dyn Sources,
    findings: &mut Vec<Finding>,
) -> Option<PromptRef> {
    if !is_inside(&path.text) {
        findings.push(Finding::new(Code::OUTSIDE, path.span).arg(&*path.text));
        return None;
    }
    match sources.sound(&path.text) {
        Ok(found) => Some(PromptRef {
            id: found.id,
            sha256: found.sha256,
            name: name.text.clone(),
            lang: lang.text.clone(),
            path: path.text.clone(),
            says: says.map(|says| says.text.clone()),
            duration: found.duration,
        }),
        Err(SoundError::Missing) => {
            findings.push(Finding::new(Code::NO_SOUND, path.span).arg(&*name.text).arg(&*path.text));
            None
        }
        Err(SoundError::Unplayable(why)) => {
            findings.push(Finding::new(Code::BAD_SOUND, path.span).arg(&*path.text).arg(why));
            None
        }
    }
}

/// The sounds that `uses` mean in a file whose language is `spoken`.
pub(super) fn sounds(
    uses: &[PromptUse],
    spoken: Option<&Name>,
    world: &World,
    findings: &mut Vec<Finding>,
) -> Sounds {
    let mut out: Vec<LiveSound> = Vec::new();
    for used in uses {
        let Some(prompt) =
            world.find(Kind::Prompt, &used.name, findings).and_then(|index| world.prompts.get(index))
        else {
            continue;
        };
        out.extend(sounds_of(used, prompt, spoken, world, findings));
    }
    settled(out)
}

/// Sounds that no call changes, where none of them changes.
pub(super) fn settled(live: Vec<LiveSound>) -> Sounds {
    let only = |sound: &LiveSound| match &*sound.versions {
        [(window, sounds)] if *window == Window::ALWAYS && sounds.len() == 1 => {
            sounds.first().map(|(_, id)| *id)
        }
        _ => None,
    };
    match live.iter().map(only).collect() {
        Some(fixed) => Sounds::Fixed(fixed),
        None => Sounds::Live(live.into()),
    }
}

fn sounds_of(
    used: &PromptUse,
    prompt: &Prompt,
    spoken: Option<&Name>,
    world: &World,
    findings: &mut Vec<Finding>,
) -> Vec<LiveSound> {
    let versions: Vec<(Window, &Prompt)> = match &*prompt.versions {
        [] => vec![(Window::ALWAYS, prompt)],
        versions => versions
            .iter()
            .filter_map(|version| Some((version.window, world.prompts.get(version.index)?)))
            .collect(),
    };
    if versions.iter().all(|(_, prompt)| prompt.sounds.is_empty()) {
        return Vec::new();
    }
    let single = match (&*used.langs, spoken, &*prompt.sounds) {
        ([], Some(spoken), _) => Some(spoken.text.clone()),
        ([], None, [only]) => Some(only.lang.clone()),
        ([], None, [first, ..]) => {
            findings.push(which_language(used, prompt, &first.lang));
            return Vec::new();
        }
        _ => None,
    };
    let langs: Vec<_> = match &single {
        Some(lang) => vec![(lang.clone(), used.name.span)],
        None => used.langs.iter().map(|lang| (lang.text.clone(), lang.span)).collect(),
    };
    let chosen = single.is_some() && world.speaks_many;
    let mut out = Vec::new();
    for (lang, span) in langs {
        let mut sound = LiveSound { spoken: lang.clone(), versions: Vec::new() };
        for (window, prompt) in &versions {
            let own = prompt.sounds.iter().find(|sound| sound.lang == lang);
            if own.is_none() {
                let finding = Finding::new(Code::NO_LANGUAGE, span).arg(&*used.name.text).arg(&*lang);
                findings.push(finding.arg(list(prompt)));
            }
            let found = prompt.sounds.iter().filter(|sound| chosen || sound.lang == lang);
            let found = found.filter_map(|sound| Some((sound.lang.clone(), sound.found.as_ref()?.id)));
            let found: Vec<_> = found.collect();
            if !found.is_empty() {
                sound.versions.push((*window, found));
            }
        }
        out.extend((!sound.versions.is_empty()).then_some(sound));
    }
    out
}

fn which_language(used: &PromptUse, prompt: &Prompt, first: &str) -> Finding {
    let finding = Finding::new(Code::WHICH_LANGUAGE, used.name.span);
    finding.arg(&*used.name.text).arg(list(prompt)).arg(first)
}

fn list(prompt: &Prompt) -> String {
    prompt.sounds.iter().map(|sound| &*sound.lang).collect::<Vec<_>>().join(", ")
}
