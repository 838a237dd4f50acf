//! Tests, as written.

use crate::plan::file::Span;
use crate::plan::literal::Amount;

use super::{Expr, Moment, Name};

/// `test "…" at 2026-10-08 10:00 { … }`
#[derive(Debug)]
pub(crate) struct Test {
    pub name: Name,
    pub at: Option<Moment>,
    pub lines: Vec<TestLine>,
    pub whole: bool,
}

/// A line of a test.
#[derive(Debug)]
pub(crate) struct TestLine {
    pub span: Span,
    pub kind: TestKind,
}

#[derive(Debug)]
pub(crate) enum TestKind {
    /// `stub 客户 = { … }`; `None`: `stub 客户 down`
    Stub {
        name: Name,
        fields: Option<Vec<(Name, Expr)>>,
    },
    /// `stub 主管组 free 1`, `stub 信用卡 answers after 10s`, `stub user bob busy`
    Behaves {
        name: Name,
        outcome: Name,
        count: Option<u64>,
        after: Option<Amount>,
    },
    /// `call from "…" to "…" press 0, "…"`
    Call {
        from: Option<Name>,
        to: Name,
        trunk: Option<Name>,
        press: Vec<Name>,
        during: Option<Name>,
    },
    /// `customer says "…"`
    Says {
        party: Name,
        text: Name,
    },
    /// `agent answers`, `caller hangs up`
    Acts {
        party: Name,
        act: Name,
    },
    Expect(Expect),
}

/// What a test expects.
#[derive(Debug)]
pub(crate) struct Expect {
    pub not: bool,
    pub after: Option<Amount>,
    pub what: Name,
    /// Names, texts and numbers behind it.
    pub words: Vec<Name>,
}
