//! The forms in which sound leaves the house.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::decode::Sound;
use super::{flac, opus};

/// A form of sound as a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// WAV: the samples as they are.
    #[default]
    Wav,
    /// FLAC: the same samples in about half the octets.
    Flac,
    /// Opus in Ogg: a tenth of the octets, to listen to.
    Opus,
}

impl Form {
    /// The form that a file of this name wants: WAV unless its ending says otherwise.
    pub fn of(path: &Path) -> Form {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("flac") => Form::Flac,
            Some("opus" | "ogg") => Form::Opus,
            _ => Form::Wav,
        }
    }

    /// Its media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Form::Wav => "audio/x-wav",
            Form::Flac => "audio/flac",
            Form::Opus => "audio/ogg",
        }
    }

    /// `sound` compressed in this form; `None` for WAV, which is written as it comes, and for no samples at all.
    pub fn compressed(self, sound: &Sound) -> Option<Vec<u8>> {
        match self {
            Form::Wav => None,
            Form::Flac => flac::flac(sound),
            Form::Opus => opus::opus(sound),
        }
    }
}

/// As the ending of a file's name.
impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Form::Wav => "wav",
            Form::Flac => "flac",
            Form::Opus => "opus",
        })
    }
}

impl FromStr for Form {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Form, &'static str> {
        [Form::Wav, Form::Flac, Form::Opus]
            .into_iter()
            .find(|form| form.to_string() == text)
            .ok_or("a form of sound is wav, flac or opus")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_told_by_its_ending() {
        for (name, form) in [
            ("a.wav", Form::Wav),
            ("a.flac", Form::Flac),
            ("a.opus", Form::Opus),
            ("a.ogg", Form::Opus),
            ("a", Form::Wav),
        ] {
            assert_eq!(Form::of(Path::new(name)), form);
            assert_eq!(form.to_string().parse(), Ok(form));
        }
        assert!("mp3".parse::<Form>().is_err());
    }
}
