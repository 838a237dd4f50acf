//! Prompts: their files, their languages, and which sounds a use of them means.

use std::sync::Arc;

use crate::base::PromptId;
use crate::plan::ast::{self, FileAst, Name, PromptUse};
use crate::plan::code::Code;
use crate::plan::finding::Finding;
use crate::plan::program::PromptRef;
use crate::plan::source::{SoundError, Sources};

use super::gather::is_inside;
use super::names::{Kind, World};

/// A declared prompt.
#[derive(Debug)]
pub(super) struct Prompt {
    pub sounds: Vec<Sound>,
}

/// One language of a prompt; `found` is absent when its file cannot be used.
#[derive(Debug)]
pub(super) struct Sound {
    pub lang: Arc<str>,
    pub found: Option<PromptRef>,
}

/// Looks at every prompt of every file.
pub(super) fn prompts(asts: &[FileAst], sources: &dyn Sources, findings: &mut Vec<Finding>) -> Vec<Prompt> {
    let all = asts.iter().flat_map(|ast| &ast.prompts);
    all.map(|prompt| check_prompt(prompt, sources, findings)).collect()
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
    Prompt { sounds }
}

fn check_sound(
    prompt: &ast::Prompt,
    sound: &ast::PromptSound,
    sources: &dyn Sources,
    findings: &mut Vec<Finding>,
) -> Option<PromptRef> {
    let path = &sound.path;
    if !is_inside(&path.text) {
        findings.push(Finding::new(Code::OUTSIDE, path.span).arg(&*path.text));
        return None;
    }
    match sources.sound(&path.text) {
        Ok(found) => Some(PromptRef {
            id: found.id,
            sha256: found.sha256,
            name: prompt.name.text.clone(),
            lang: sound.lang.text.clone(),
            path: path.text.clone(),
            says: sound.says.as_ref().map(|says| says.text.clone()),
            duration: found.duration,
        }),
        Err(SoundError::Missing) => {
            findings.push(Finding::new(Code::NO_SOUND, path.span).arg(&*prompt.name.text).arg(&*path.text));
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
) -> Vec<PromptId> {
    let mut out = Vec::new();
    for used in uses {
        let Some(prompt) =
            world.find(Kind::Prompt, &used.name, findings).and_then(|index| world.prompts.get(index))
        else {
            continue;
        };
        if prompt.sounds.is_empty() {
            continue;
        }
        let single = match (&*used.langs, spoken, &*prompt.sounds) {
            ([], Some(spoken), _) => Some(&spoken.text),
            ([], None, [only]) => Some(&only.lang),
            ([], None, [first, ..]) => {
                findings.push(which_language(used, prompt, &first.lang));
                continue;
            }
            _ => None,
        };
        let place = |lang: &Name| (lang.text.clone(), lang.span);
        let langs: Vec<_> = match single {
            Some(lang) => vec![(lang.clone(), used.name.span)],
            None => used.langs.iter().map(place).collect(),
        };
        for (lang, span) in langs {
            match prompt.sounds.iter().find(|sound| sound.lang == lang) {
                Some(sound) => out.extend(sound.found.as_ref().map(|found| found.id)),
                None => findings.push(
                    Finding::new(Code::NO_LANGUAGE, span).arg(&*used.name.text).arg(&*lang).arg(list(prompt)),
                ),
            }
        }
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
