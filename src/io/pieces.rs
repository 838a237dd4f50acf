//! The pieces of spoken values: those in the binary, and above them the site's own.
//!
//! Invariant: a site's file that cannot be played stops the start and is named; it is never left out silently.

use std::fs;
use std::path::Path;

use super::shipped;
use crate::config;
use crate::media::say::Language;
use crate::media::{Country, Prompt, PromptLibrary};

/// Puts all pieces into the library, and the country whose tones it makes.
///
/// # Errors
/// Text for the operator: the folder or a file of the site's that cannot be used.
pub fn load(media: &config::Media, library: &mut PromptLibrary) -> Result<(), String> {
    library.set_country(match media.tones {
        config::Tones::China => Country::China,
        config::Tones::UnitedStates => Country::UnitedStates,
        config::Tones::Europe => Country::Europe,
    });
    for (path, octets) in shipped::pieces() {
        let name = path.split_once('/').and_then(|(code, file)| Some((language(code)?, piece(file)?)));
        if let Some((language, piece)) = name {
            let prompt = Prompt::from_wav(&octets).map_err(|error| format!("{path}: {error}"))?;
            library.insert_piece(language, piece, prompt);
        }
    }
    match &media.prompts {
        Some(folder) => load_site(folder, library),
        None => Ok(()),
    }
}

fn load_site(folder: &Path, library: &mut PromptLibrary) -> Result<(), String> {
    let wrong = |path: &Path, why: String| format!("[media] prompts {}: {why}", path.display());
    fs::read_dir(folder).map_err(|error| wrong(folder, error.to_string()))?;
    for language in Language::ALL {
        // A site need not have every language.
        let Ok(files) = fs::read_dir(folder.join(language.code())) else { continue };
        for file in files {
            let path = file.map_err(|error| wrong(folder, error.to_string()))?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let Some(piece) = name.and_then(piece) else { continue };
            let octets = fs::read(&path).map_err(|error| wrong(&path, error.to_string()))?;
            let prompt = Prompt::from_wav(&octets).map_err(|error| wrong(&path, error.to_string()))?;
            library.insert_piece(language, piece, prompt);
        }
    }
    Ok(())
}

fn language(code: &str) -> Option<Language> {
    Language::ALL.into_iter().find(|language| language.code() == code)
}

fn piece(file: &str) -> Option<&str> {
    file.strip_suffix(".wav")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::say::{Currency, Digits, Say, Spoken};
    use jiff::civil::{Date, Time};

    fn media(prompts: Option<&Path>) -> config::Media {
        config::Media {
            ports: 20_000..=20_003,
            workers: None,
            back_end: config::BackEnd::default(),
            address: None,
            music: config::Music::None,
            srtp: config::Srtp::default(),
            video: true,
            video_kbps: 4_096,
            tones: config::Tones::Europe,
            prompts: prompts.map(Path::to_path_buf),
        }
    }

    #[test]
    fn the_binary_speaks_every_language() {
        let mut library = PromptLibrary::new();
        load(&media(None), &mut library).expect("the repository's own pieces");
        assert_eq!(library.country(), Country::Europe);
        let money = [Currency::Yuan, Currency::Dollar, Currency::Euro];
        let money = money.into_iter().flat_map(|of| [1, 99, 100, 123_456].map(|sum| Spoken::Money(sum, of)));
        let numbers = [0, -7, 1_020, 98_765_432, 7_000_000_000_000].map(Spoken::Number);
        let dates = (1..=12).map(|month| Spoken::Date(Date::constant(2026, month, 16 + month)));
        let times = (0..24).map(|hour| Spoken::Time(Time::constant(hour, 2 * hour, 0, 0)));
        let digits = [Spoken::Digits(Digits::new("+0123456789*#"))];
        for what in money.chain(numbers).chain(dates).chain(times).chain(digits) {
            for language in Language::ALL {
                for piece in (Say { language, what }).pieces() {
                    assert!(library.piece(language, piece).is_some(), "{language:?} {what:?}: {piece}");
                }
            }
        }
    }

    #[test]
    fn a_site_s_pieces_stand_above_and_broken_ones_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("zh")).expect("made");
        let (_, own) = shipped::pieces().find(|(path, _)| path == "zh/d4.wav").expect("a piece");
        fs::write(folder.path().join("zh/d1.wav"), &own).expect("written");
        fs::write(folder.path().join("zh/notes.txt"), "about").expect("written");
        let mut library = PromptLibrary::new();
        load(&media(Some(folder.path())), &mut library).expect("loaded");
        let piece = |piece| library.piece(Language::Mandarin, piece);
        assert_eq!(piece("d1"), piece("d4"));
        fs::write(folder.path().join("zh/d2.wav"), "RIFF").expect("written");
        let told = load(&media(Some(folder.path())), &mut PromptLibrary::new()).expect_err("broken");
        assert!(told.contains("d2.wav"), "{told}");
        assert!(load(&media(Some(Path::new("/nowhere"))), &mut PromptLibrary::new()).is_err());
    }
}
