//! The one table of diagnostic codes: number, severity, what is wrong, what to do, in English and Chinese.
//!
//! Invariant: a number, once published, keeps its meaning; a code that is given up leaves a hole.
//! `{0}`, `{1}`… stand for the arguments of a finding.

use std::fmt;

use super::diagnostic::Lang;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The plan loads; somebody should look.
    Warning,
    /// The plan does not load.
    Error,
}

impl Severity {
    /// The word that opens a rendered finding.
    pub const fn word(self, lang: Lang) -> &'static str {
        match (self, lang) {
            (Severity::Error, Lang::En) => "error",
            (Severity::Error, Lang::Zh) => "错误",
            (Severity::Warning, Lang::En) => "warning",
            (Severity::Warning, Lang::Zh) => "警告",
        }
    }
}

/// A stable diagnostic code, shown as `P0201`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u16);

/// One row of the table.
pub(crate) struct Row {
    pub code: Code,
    pub severity: Severity,
    pub en: &'static str,
    pub zh: &'static str,
    pub hint_en: &'static str,
    pub hint_zh: &'static str,
}

impl Code {
    /// Every code, in order.
    pub fn all() -> impl Iterator<Item = Code> {
        TABLE.iter().map(|row| row.code)
    }

    /// The number without the `P`.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Whether a finding with this code keeps the plan from loading.
    pub fn severity(self) -> Severity {
        self.row().severity
    }

    /// The message of the table, with `{0}`… where a finding puts its arguments.
    pub fn template(self, lang: Lang) -> &'static str {
        match lang {
            Lang::En => self.row().en,
            Lang::Zh => self.row().zh,
        }
    }

    /// The hint of the table; empty when there is none.
    pub fn hint_template(self, lang: Lang) -> &'static str {
        match lang {
            Lang::En => self.row().hint_en,
            Lang::Zh => self.row().hint_zh,
        }
    }

    fn row(self) -> &'static Row {
        // Only this file makes codes, one for each row.
        TABLE.iter().find(|row| row.code == self).unwrap_or(&UNLISTED)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "P{:04}", self.0)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

static UNLISTED: Row =
    Row { code: Code(0), severity: Severity::Error, en: "", zh: "", hint_en: "", hint_zh: "" };

macro_rules! codes {
    ($($name:ident = $number:literal $severity:ident { $en:literal $zh:literal $(hint $hint_en:literal $hint_zh:literal)? })*) => {
        #[allow(missing_docs)]
        impl Code {
            $(#[doc = $en] pub const $name: Code = Code($number);)*
        }

        pub(crate) static TABLE: &[Row] = &[
            $(Row {
                code: Code($number),
                severity: Severity::$severity,
                en: $en,
                zh: $zh,
                hint_en: concat!("", $($hint_en)?),
                hint_zh: concat!("", $($hint_zh)?),
            },)*
        ];
    };
}

codes! {
    // 00xx: the text itself
    NOT_UTF8 = 1 Error {
        "this file is not UTF-8: the octet {0} here cannot be read"
        "文件不是 UTF-8 编码：此处的字节 {0} 无法识别"
        hint "save the file as UTF-8 (it may be GBK or GB18030)"
        "请把文件另存为 UTF-8 编码（它可能是 GBK 或 GB18030）" }
    FILE_TOO_LONG = 2 Error {
        "this file has {0} octets; a plan file has at most {1}"
        "文件有 {0} 字节；计划文件最多 {1} 字节"
        hint "split it and join the parts with `use`" "请拆成几个文件，用 `use` 连起来" }
    STRANGE_CHARACTER = 3 Error {
        "`{0}` has no meaning in a plan" "计划文件里不能出现 `{0}`"
        hint "texts stand between \"quotes\", comments behind `#`" "文字写在双引号 \"\" 里，说明写在 `#` 后面" }
    FULL_WIDTH = 4 Error {
        "`{0}` is a full-width sign" "`{0}` 是全角符号"
        hint "write `{1}`" "请写成半角 `{1}`" }
    OPEN_TEXT = 5 Error {
        "this text is never closed" "这段文字没有结束引号"
        hint "a text ends with `\"` on the line where it begins" "文字必须在同一行用 `\"` 结束" }
    UNSEEN_CHARACTER = 6 Error {
        "here is a character that cannot be seen: {0}" "这里有一个看不见的字符：{0}"
        hint "delete it; such characters can make a plan read otherwise than it acts"
        "请删除；这种字符会让人看到的与系统执行的不一样" }
    FOREIGN_SIGN = 7 Error {
        "`{0}` is a sign of another language" "`{0}` 是其他语言的写法"
        hint "write `{1}`" "请写成 `{1}`" }
    UNKNOWN_ESCAPE = 8 Error {
        "`\\{0}` means nothing in a text" "文字里不能用 `\\{0}`"
        hint "only `\\\"` and `\\\\` do; a plain backslash is `\\\\`" "只有 `\\\"` 和 `\\\\` 可用；反斜杠本身写成 `\\\\`" }
    RUNS_INTO_LETTERS = 9 Error {
        "`{0}` is neither a number nor an amount of time" "`{0}` 既不是数字也不是时长"
        hint "times are written 500ms, 25s, 5m, 8h, 90d, 2w, 5y; patterns and numbers with letters stand between quotes"
        "时长写成 500ms、25s、5m、8h、90d、2w、5y；号码样式写在引号里" }
    NOT_IN_RANGE = 10 Error {
        "`{0}` is not {1}" "`{0}` 不是{1}" }

    // 01xx: grammar
    EXPECTED = 101 Error {
        "expected {0}, found {1}" "这里应当是{0}，却是{1}" }
    OPEN_BLOCK = 102 Error {
        "this `{` is never closed" "这个 `{` 没有对应的 `}`"
        hint "put a `}` where the block ends" "请在块的末尾补上 `}`" }
    STRAY_BRACE = 103 Error {
        "this `}` closes nothing" "这个 `}` 没有对应的 `{`"
        hint "delete it, or look for a `}` too many above" "请删除，或检查上面是否多了一个 `}`" }
    UNKNOWN_ITEM = 104 Error {
        "a plan has no `{0}`" "计划里没有 `{0}` 这种声明"
        hint "a file is made of: {1}" "文件由这些声明组成：{1}" }
    UNKNOWN_VERB = 105 Error {
        "there is no verb `{0}`" "没有 `{0}` 这个动作"
        hint "in a flow stand: {1}" "流程里可以写：{1}" }
    NOT_YET = 106 Error {
        "`{0}` is not available in this edition yet" "`{0}` 在本版次中尚不可用" }
    NO_SEPARATOR = 107 Error {
        "`{0}` begins a new statement on the same line" "`{0}` 与前一条语句写在了同一行"
        hint "begin a new line, or put `;` between" "请另起一行，或用 `;` 隔开" }
    TOO_DEEP = 108 Error {
        "blocks are nested deeper than {0}" "嵌套超过 {0} 层"
        hint "move the inner part into a flow of its own" "请把内层移到单独的流程里" }
    OPTION_TWICE = 109 Error {
        "`{0}` is said twice" "`{0}` 写了两次"
        hint "keep one" "只保留一个" }
    UNKNOWN_OPTION = 110 Error {
        "`{0}` knows no `{1}`" "`{0}` 没有 `{1}` 这一项"
        hint "it knows: {2}" "可用的有：{2}" }
    RESERVED = 111 Error {
        "`{0}` is a word of the language and cannot be a name" "`{0}` 是语言的关键字，不能用作名字"
        hint "choose another name" "请换一个名字" }
    TOO_MANY_FINDINGS = 112 Error {
        "more than {0} findings; the rest is not shown" "问题超过 {0} 个，其余不再显示" }
    NO_ARMS = 113 Error {
        "`{0}` has no outcomes to handle" "`{0}` 没有需要处理的结果"
        hint "delete the block; what follows stands on the next line" "请删除这个块，后续动作写在下一行" }
    ELSE_TO_WHEN = 114 Error {
        "`when` has no `else`" "`when` 没有 `else`"
        hint "write `if … { … } else { … }`" "请写成 `if … { … } else { … }`" }

    // 02xx: names and files
    UNKNOWN_NAME = 201 Error {
        "there is no {0} `{1}`" "没有名为 `{1}` 的{0}" }
    DECLARED_TWICE = 202 Error {
        "the {0} `{1}` is declared twice" "{0} `{1}` 声明了两次"
        hint "rename or delete one" "请改名或删除其中一个" }
    OTHER_KIND = 203 Error {
        "`{0}` is a {1}, not a {2}" "`{0}` 是{1}，不是{2}" }
    NO_EDITION = 204 Error {
        "this file does not say its edition" "文件没有写明版次"
        hint "let `edition 2026` be its first line" "第一行请写 `edition 2026`" }
    UNKNOWN_EDITION = 205 Error {
        "this switch does not know edition {0}" "本系统不认识版次 {0}"
        hint "write `edition 2026`" "请写 `edition 2026`" }
    NO_FILE = 206 Error {
        "there is no plan file \"{0}\"" "没有计划文件 \"{0}\""
        hint "paths count from the plan folder" "路径从计划目录算起" }
    OUTSIDE = 207 Error {
        "\"{0}\" leads out of the plan folder" "\"{0}\" 指到了计划目录之外"
        hint "write a path inside the plan folder, with `/` between its parts"
        "请写计划目录内的路径，各级之间用 `/`" }
    HIDES = 208 Error {
        "`{0}` is already {1} here" "`{0}` 在这里已经是{1}"
        hint "choose another name" "请换一个名字" }
    ONCE_A_FILE = 209 Error {
        "`{0}` stands once, at the head of a file" "`{0}` 只能在文件开头写一次"
        hint "delete this one" "请删除这一处" }
    TOO_MANY_FILES = 210 Error {
        "more than {0} files are used" "引用的文件超过 {0} 个" }
    NOT_CONFIGURED = 211 Error {
        "the configuration has no {0} `{1}`" "配置里没有名为 `{1}` 的{0}"
        hint "it has: {2}; another is declared by `{3}` in ledgerline.toml"
        "配置里有：{2}；新增请在 ledgerline.toml 里写 `{3}`" }

    // 03xx: routes
    BAD_PATTERN = 301 Error {
        "`{0}` has no meaning in a pattern" "号码样式里不能出现 `{0}`"
        hint "a pattern is made of digits, `*`, `#`, `+`, `X` (0-9), `Z` (1-9), `N` (2-9), `[2-5]`, `{name: X.}`, and `.` at its end"
        "号码样式由数字、`*`、`#`、`+`、`X`（0-9）、`Z`（1-9）、`N`（2-9）、`[2-5]`、`{名字: X.}` 以及末尾的 `.` 组成" }
    ROUTE_TWICE = 302 Error {
        "two routes take the same calls" "两条路由匹配完全相同的呼叫"
        hint "delete one, or make one more specific" "请删除一条，或把一条写得更具体" }
    ROUTES_OVERLAP = 303 Error {
        "this route and another could both take {0}, and neither is more specific" "{0} 同时匹配两条路由，且哪条都不更具体"
        hint "add a route for what both match: {1}" "请为两者都匹配的部分加一条路由：{1}" }
    FROM_WHOM = 304 Error {
        "this route does not say who may take it" "这条路由没有写明谁可以呼叫"
        hint "write `from users`, or `from anyone` if trunks may too" "请写 `from users`；如果中继也可以呼入，写 `from anyone`" }
    SMALL_CLASS = 305 Error {
        "`{0}` is a small letter among digits" "`{0}` 是夹在数字里的小写字母"
        hint "the classes X, Z and N are capital letters: \"{1}\"" "X、Z、N 必须大写：\"{1}\"" }
    DOT_NOT_LAST = 306 Error {
        "`.` takes everything that is left, so nothing can follow it" "`.` 匹配剩下的全部，后面不能再有内容" }
    EMPTY_PATTERN = 307 Error {
        "this pattern matches nothing" "这个样式什么也不匹配" }
    BAD_CAPTURE = 308 Error {
        "a capture is written {0}" "捕获应写成 {0}"
        hint "the part of the number stands behind the colon: \"0{number: X.}\"" "号码部分写在冒号后面：\"0{number: X.}\"" }
    FOREIGN_PATTERN = 309 Error {
        "`{0}` belongs to another switch's patterns" "`{0}` 是其他交换机的写法"
        hint "write \"{1}\"" "请写成 \"{1}\"" }
    NO_ROUTES = 310 Warning {
        "no route leads into this plan: every call is answered with 404" "计划里没有路由：所有呼叫都会得到 404"
        hint "write `route \"8XXX\" from users -> dial user {callee}`" "可以写 `route \"8XXX\" from users -> dial user {callee}`" }
    CAPTURE_AND_LIST = 311 Error {
        "a route with captures has one pattern" "带捕获的路由只能有一个样式"
        hint "write one route for each pattern" "请为每个样式各写一条路由" }
    BAD_RANGE = 312 Error {
        "`{0}` is not a set of digits" "`{0}` 不是数字集合"
        hint "write it from low to high: [2-5], [13579]" "请从小到大写：[2-5]、[13579]" }
    PATTERN_TOO_LONG = 313 Error {
        "a pattern has at most {0} positions" "样式最多 {0} 位" }
    CAPTURE_HERE = 314 Error {
        "the capture `{0}` has no use here; only routes capture" "捕获 `{0}` 在这里没有用处；只有路由可以捕获"
        hint "leave the braces and the name out" "请去掉花括号和名字" }

    // 04xx: flows
    DEAD_END = 401 Error {
        "here {0} `{1}` ends and nothing says what happens to the call" "{0} `{1}` 走到这里就没有下文了"
        hint "go on with `-> flow`, or end with `-> end` or `hangup`" "请写 `-> 流程` 继续，或写 `-> end`、`hangup` 结束" }
    UNREACHABLE = 402 Error {
        "this is never reached" "永远走不到这里"
        hint "delete it, or move it before what leads away" "请删除，或移到离开语句之前" }
    NOT_HANDLED = 403 Error {
        "`{0}` leaves {1} unhandled" "`{0}` 没有处理 {1}"
        hint "add `{2} -> …` or `else -> …`" "请加上 `{2} -> …` 或 `else -> …`" }
    UNKNOWN_OUTCOME = 404 Error {
        "`{0}` has no outcome `{1}`" "`{0}` 没有 `{1}` 这个结果"
        hint "its outcomes are: {2}" "它的结果有：{2}" }
    HANDLED_TWICE = 405 Error {
        "`{0}` is handled twice" "`{0}` 处理了两次"
        hint "delete one of them" "请删除其中一个" }
    EMPTY_ELSE = 406 Error {
        "every outcome is handled; nothing is left for `else`" "所有结果都已处理，`else` 永远不会走到"
        hint "delete the `else`" "请删除 `else`" }
    UNBOUNDED = 407 Error {
        "`{0}` does not say `{1}`" "`{0}` 没有写 `{1}`"
        hint "write `{2}`" "请写 `{2}`" }
    OUT_OF_BOUNDS = 408 Error {
        "`{0}` is {1}; it may be {2} to {3}" "`{0}` 是 {1}；允许 {2} 到 {3}" }
    LOOPS = 409 Error {
        "this goes round without anybody acting: {0}" "没有任何人操作也会绕圈：{0}"
        hint "let a key or an answered call stand between, or end with `hangup`"
        "中间应有按键或已接通的通话，否则请用 `hangup` 结束" }
    NEVER_USED = 410 Warning {
        "no route leads to the flow `{0}`" "没有路由通向流程 `{0}`"
        hint "send a route or an arm to it, or delete it" "请让路由或分支指向它，或将其删除" }
    ARGUMENTS = 411 Error {
        "the flow `{0}` takes {1} value(s), here are {2}" "流程 `{0}` 需要 {1} 个值，这里给了 {2} 个" }
    WRONG_TYPE = 412 Error {
        "`{0}` wants {1}; here stands {2}" "`{0}` 需要{1}，这里却是{2}" }
    NOT_COMPARABLE = 413 Error {
        "{0} and {1} cannot be compared with `{2}`" "{0}和{1}不能用 `{2}` 比较" }
    MAY_BE_MISSING = 414 Error {
        "this goes on behind `collect` although `{0}` has not been entered" "`{0}` 还没有输入，这里却会继续往下走"
        hint "lead away: `-> flow` or `hangup`" "请用 `-> 流程` 或 `hangup` 离开" }
    TOO_MANY_TARGETS = 415 Error {
        "one `dial` rings at most {0} at once" "一次 `dial` 最多同时呼叫 {0} 个" }
    TOO_LONG = 416 Error {
        "the way from here has more than {0} steps without anybody acting" "从这里起不经任何人操作的步骤超过 {0} 步" }
    NOT_A_KEY = 417 Error {
        "`{0}` is not a key" "`{0}` 不是按键"
        hint "keys are 0 to 9, * and \"#\"; longer numbers are taken with `collect`"
        "按键是 0 到 9、* 和 \"#\"；多位号码请用 `collect`" }
    UNKNOWN_CAUSE = 418 Error {
        "there is no cause `{0}`" "没有 `{0}` 这种挂断原因"
        hint "causes are: {1}" "可用的有：{1}" }
    NO_KEYS = 419 Error {
        "this menu has no keys" "这个菜单没有按键"
        hint "add `1 -> …`" "请加上 `1 -> …`" }
    NOT_A_CONDITION = 420 Error {
        "`{0}` is {1}, not a condition" "`{0}` 是{1}，不是条件"
        hint "compare it: `{0} == …`" "请写成比较：`{0} == …`" }
    ONE_EQUALS = 421 Error {
        "`=` gives a name to a value; it does not compare" "`=` 用来命名，不能用来比较"
        hint "write `==`" "请写 `==`" }
    TEXT_IN_TEXT = 422 Error {
        "values inside texts are not available in this edition yet" "本版次还不能在文字里嵌入变量" }
    QUOTE_DIGITS = 423 Error {
        "{0} is compared with the integer {1}" "{0}在与整数 {1} 比较"
        hint "put the digits between quotes, so that leading zeros count: \"{1}\""
        "请给号码加引号，前导零才有意义：\"{1}\"" }
    BAD_NUMBER = 424 Error {
        "`{0}` cannot be dialled" "`{0}` 无法拨打"
        hint "a number is made of digits, `*`, `#` and a leading `+`; write it without blanks and hyphens"
        "号码由数字、`*`、`#` 和开头的 `+` 组成，不要空格和连字符" }
    NOT_A_VALUE = 425 Error {
        "a condition is not a value" "条件不能当作值"
        hint "use the condition itself behind `if` or `when`" "请把条件直接写在 `if` 或 `when` 后面" }

    // 05xx: prompts
    NO_SOUND = 501 Error {
        "the prompt `{0}` has no file \"{1}\"" "提示音 `{0}` 的文件 \"{1}\" 不存在"
        hint "paths count from the plan folder" "路径从计划目录算起" }
    BAD_SOUND = 502 Error {
        "\"{0}\" cannot be played: {1}" "\"{0}\" 无法播放：{1}"
        hint "prompts are WAV files, PCM, one channel, 16 bits" "提示音须为 WAV：PCM、单声道、16 位" }
    NO_LANGUAGE = 503 Error {
        "the prompt `{0}` is not spoken in `{1}`" "提示音 `{0}` 没有 `{1}` 语种"
        hint "it has: {2}" "已有：{2}" }
    WHICH_LANGUAGE = 504 Error {
        "the prompt `{0}` is spoken in several languages, and nothing says in which" "提示音 `{0}` 有多个语种，但没有说明用哪个"
        hint "write `{0} {{1}}`, or `language {2}` at the head of the file"
        "请写 `{0} {{1}}`，或在文件开头写 `language {2}`" }
    SILENT_PROMPT = 505 Error {
        "the prompt `{0}` has no sound" "提示音 `{0}` 没有声音文件"
        hint "write `prompt {0} { zh \"prompts/zh/….wav\" }`" "请写 `prompt {0} { zh \"prompts/zh/….wav\" }`" }
    LANGUAGE_TWICE = 506 Error {
        "the language `{0}` stands twice" "语种 `{0}` 写了两次"
        hint "keep one" "只保留一个" }

    // 06xx: policies
    NOT_KEPT = 601 Error {
        "the policy `{0}` records but does not say how long recordings are kept" "策略 `{0}` 录音，但没有写明保存多久"
        hint "add `retain` with a class" "请加上 `retain` 和保存类别" }
    RETENTION_CONFLICT = 602 Error {
        "one call can fall under `{0}`, kept at least {1}, and under `{2}`, kept at most {3}"
        "同一通电话可能同时属于 `{0}`（至少保存 {1}）和 `{2}`（至多保存 {3}）"
        hint "let the longest keeping fit below the shortest limit" "最长的最低期限不能超过最短的最高期限" }
    MAX_BELOW_MIN = 603 Error {
        "at most {0} is shorter than at least {1}" "至多 {0} 比至少 {1} 还短" }
    CLASS_LACKS = 604 Error {
        "the class `{0}` does not say `{1}`" "保存类别 `{0}` 没有写 `{1}`"
        hint "write `class {0} { from call.end; at least 5y }`" "请写 `class {0} { from call.end; at least 5y }`" }
    POLICY_UNUSED = 605 Warning {
        "no route takes a call that the policy `{0}` is about" "没有路由会接到策略 `{0}` 所管的呼叫"
        hint "compare its numbers with the routes" "请核对它的号码与路由" }
    POLICY_EMPTY = 606 Warning {
        "the policy `{0}` asks for nothing" "策略 `{0}` 没有任何要求" }
    OTHER_ANCHOR = 608 Error {
        "one call can fall under `{0}`, counted from {1}, and under `{2}`, counted from {3}"
        "同一通电话可能同时属于 `{0}`（从 {1} 起算）和 `{2}`（从 {3} 起算）"
        hint "let classes that meet count from the same moment" "会同时生效的类别请从同一时刻起算" }
    NOT_PROVEN = 609 Error {
        "this cannot be shown to keep the policy" "无法证明此处遵守策略"
        hint "this is a fault of the switch, not of the plan: please report it" "这是系统的缺陷，不是计划的问题：请报告" }

    // 07xx: time
    UNKNOWN_ZONE = 701 Error {
        "there is no time zone \"{0}\"" "没有时区 \"{0}\""
        hint "zones are named like \"Asia/Shanghai\"" "时区写成 \"Asia/Shanghai\" 这样" }
    NO_ZONE = 702 Warning {
        "no time zone is stated; \"Asia/Shanghai\" is meant" "没有写时区，按 \"Asia/Shanghai\" 处理"
        hint "write `zone \"Asia/Shanghai\"` at the head of the file" "请在文件开头写 `zone \"Asia/Shanghai\"`" }
    HOURS_MEET = 703 Error {
        "these hours run into {0} of the same day" "这段时间与同一天的 {0} 重叠" }
    UNKNOWN_DAY = 704 Error {
        "there is no day `{0}`" "没有 `{0}` 这一天"
        hint "days are mon tue wed thu fri sat sun, ranges like mon-fri, or daily"
        "星期写 mon tue wed thu fri sat sun，范围写 mon-fri，每天写 daily" }
    NEVER_OPEN = 705 Error {
        "the hours `{0}` are never open" "时段 `{0}` 从不开放"
        hint "write `mon-fri 09:00-18:00`" "请写 `mon-fri 09:00-18:00`" }
    NO_TIME = 706 Error {
        "a span of hours that begins and ends at {0} is empty" "起止都是 {0} 的时段是空的"
        hint "the whole day is 00:00-24:00" "全天写 00:00-24:00" }
    DAYS_BACKWARDS = 707 Error {
        "these days run backwards" "日期前后颠倒了"
        hint "write the earlier day first" "请把较早的日期写在前面" }
    DAY_TWICE = 708 Error {
        "{0} is named twice" "{0} 写了两次"
        hint "keep one" "只保留一个" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_rise_and_every_message_says_the_same_in_both_languages() {
        assert!(TABLE.windows(2).all(|rows| rows[0].code < rows[1].code));
        for row in TABLE {
            let holes =
                |text: &str| (0..5).filter(|n| text.contains(&format!("{{{n}}}"))).collect::<Vec<_>>();
            assert_eq!(holes(row.en), holes(row.zh), "{}", row.code);
            assert_eq!(holes(row.hint_en), holes(row.hint_zh), "{}", row.code);
            assert!(row.zh.chars().any(|ch| ch > '\u{2e80}'), "{} is not Chinese", row.code);
            assert_eq!(row.hint_en.is_empty(), row.hint_zh.is_empty(), "{}", row.code);
        }
    }
}
