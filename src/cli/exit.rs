//! How a command ends.

use std::process::ExitCode;

use crate::io::admin::protocol::{Failure, Kind};

/// What the exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It was done.
    Done = 0,
    /// It was done and found something wrong, or it could not be done.
    Findings = 1,
    /// The command, its arguments or the configuration are wrong.
    Usage = 2,
    /// The switch is not running, or does not answer.
    Unreachable = 3,
    /// It may not be done: rights, rules, retention.
    Refused = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why a command stops early.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Stop {
    /// The exit code.
    pub exit: Exit,
    /// For standard error.
    pub text: String,
    /// Whether it could be done once the person has proved to be there.
    pub presence: bool,
}

impl Stop {
    /// The command or the configuration are wrong.
    pub fn usage(text: impl std::fmt::Display) -> Stop {
        Stop { exit: Exit::Usage, text: text.to_string(), presence: false }
    }

    /// It could not be done.
    pub fn failed(text: impl std::fmt::Display) -> Stop {
        Stop { exit: Exit::Findings, text: text.to_string(), presence: false }
    }

    /// The switch is not there.
    pub fn unreachable(text: impl std::fmt::Display) -> Stop {
        Stop { exit: Exit::Unreachable, text: text.to_string(), presence: false }
    }

    /// It may not be done.
    pub fn refused(text: impl std::fmt::Display) -> Stop {
        Stop { exit: Exit::Refused, text: text.to_string(), presence: false }
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Stop {
        let exit = match failure.kind {
            Kind::Usage => Exit::Usage,
            Kind::Refused | Kind::Presence => Exit::Refused,
            Kind::NotFound | Kind::Failed => Exit::Findings,
        };
        Stop { exit, text: failure.text, presence: failure.kind == Kind::Presence }
    }
}
