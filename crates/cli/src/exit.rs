//! Exit codes and their words: a contract with scripts and CI.

use std::process::ExitCode;

/// How a verb ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: held, or the verb did what was asked.
    Fine(&'static str),
    /// 1: the hypothesis is refuted.
    Refuted,
    /// 2: bad input, or refused by radius, policy or window.
    Bad(&'static str),
    /// 3: stopped before the data could decide, and restored.
    Aborted,
    /// 4: inconclusive or invalid.
    Unknown(&'static str),
    /// 5: something is not restored; a person must act.
    NotRestored,
    /// 70: a bug in Squall.
    Bug,
}

impl Exit {
    /// The number a shell sees.
    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Fine(_) => 0,
            Exit::Refuted => 1,
            Exit::Bad(_) => 2,
            Exit::Aborted => 3,
            Exit::Unknown(_) => 4,
            Exit::NotRestored => 5,
            Exit::Bug => 70,
        }
    }

    /// The word in the last line.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Exit::Fine(word) | Exit::Bad(word) | Exit::Unknown(word) => word,
            Exit::Refuted => "refuted",
            Exit::Aborted => "aborted and restored",
            Exit::NotRestored => "a person must act",
            Exit::Bug => "a bug in squall",
        }
    }

    /// The exit of a run from the code in its verdict.
    pub(crate) fn of_run(code: u8, invalid: bool) -> Exit {
        match code {
            0 => Exit::Fine("held"),
            1 => Exit::Refuted,
            2 => Exit::Bad("refused"),
            3 => Exit::Aborted,
            4 if invalid => Exit::Unknown("invalid"),
            4 => Exit::Unknown("inconclusive"),
            5 => Exit::NotRestored,
            _ => Exit::Bug,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_a_contract() {
        let codes = [
            (Exit::Fine("held"), 0),
            (Exit::Refuted, 1),
            (Exit::Bad("bad input"), 2),
            (Exit::Aborted, 3),
            (Exit::Unknown("invalid"), 4),
            (Exit::NotRestored, 5),
            (Exit::Bug, 70),
        ];
        for (exit, code) in codes {
            assert_eq!(exit.code(), code, "{exit:?}");
            if code < 6 {
                assert_eq!(Exit::of_run(code, true).code(), code);
            }
        }
    }
}
