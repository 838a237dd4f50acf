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

    IN_CONFIGURATION = 212 Error {
        "`{0}` of a trunk stands in the configuration, not in a plan" "中继的 `{0}` 写在配置里，不写在计划里"
        hint "addresses and accounts differ by machine: write them under `[[trunk]]` in ledgerline.toml"
        "地址与账号因机器而异：请写在 ledgerline.toml 的 `[[trunk]]` 下" }
    UNKNOWN_VERSION = 213 Error {
        "the {0} has no version `{1}`" "{0}没有版本 `{1}`" }
    PROFILE_ROUTES = 214 Error {
        "the profile `{0}` holds a route" "配置集 `{0}` 里有路由"
        hint "a profile is for other files to `use`; write the route there" "配置集供其他文件引用；请把路由写到那些文件里" }

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
        "this goes on behind `{1}` although `{0}` has no value" "`{1}` 没有得到 `{0}`，这里却会继续往下走"
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

    BAD_HOLE = 426 Error {
        "this brace holds no value" "这个花括号里没有值"
        hint "a value stands in a text as `{name}`; a brace itself is `{{` or `}}`" "文字里的值写成 `{名字}`；花括号本身写成 `{{` 或 `}}`" }
    NOT_SHOWN = 427 Error {
        "{0} is never shown" "{0}从不显示"
        hint "name a field of it, or leave it out" "请写它的某个字段，或去掉" }
    NOT_A_WORD = 428 Error {
        "`{0}` is none of {1}" "`{0}` 不在 {1} 之中" }
    NO_FIELD = 429 Error {
        "`{0}` has no field `{1}`" "`{0}` 没有字段 `{1}`"
        hint "it has: {2}" "它有：{2}" }
    NO_TYPE = 430 Error {
        "`{0}` has no type" "`{0}` 没有写类型"
        hint "write `{0}: text`, or one of the other types" "请写 `{0}: text` 或其他类型" }
    LOOKUP_LACKS = 431 Error {
        "the lookup `{0}` does not say `{1}`" "查询 `{0}` 没有写 `{1}`" }
    NOT_A_URL = 432 Error {
        "`{0}` is not an address" "`{0}` 不是网址"
        hint "write \"https://host/path\", without a name and password in it" "请写 \"https://主机/路径\"，不要带用户名和密码" }
    NOT_CONSTANT = 433 Error {
        "this is not known before a call" "这个值在通话之前无法确定"
        hint "write the value itself" "请直接写出值" }
    NOT_IN_REACTION = 434 Error {
        "`{0}` cannot stand here: people are talking" "`{0}` 不能写在这里：双方正在通话"
        hint "here stand: tag, event, notify, push, show, whisper, mute, join, transfer" "这里可以写：tag、event、notify、push、show、whisper、mute、join、transfer" }
    ONLY_IN_REACTION = 435 Error {
        "`{0}` cannot stand in a flow: nobody is talking yet" "`{0}` 不能写在流程里：此时还没有人通话"
        hint "it stands in `screen … { }` and in `on feature \"…\" { }`" "它写在 `screen … { }` 和 `on feature \"…\" { }` 里" }
    NOT_SPOKEN = 436 Error {
        "{0} cannot be spoken" "{0}无法读出"
        hint "spoken are integers, digits, phone numbers, money and days" "可以读出的有：整数、数字串、电话号码、金额和日期" }
    EMPTY_POP = 437 Error {
        "this shows nothing" "这里什么也不显示"
        hint "write `pop { customer c }`" "请写 `pop { customer c }`" }
    LOOKUP_MAY_FAIL = 438 Error {
        "nothing says what holds when the lookup `{0}` fails" "没有写明查询 `{0}` 失败时怎么办"
        hint "add `else { … }` with values, or `else -> flow`" "请加上带默认值的 `else { … }`，或 `else -> 流程`" }
    LOOKUP_VALUES = 439 Error {
        "the lookup `{0}` takes {1} value(s), here are {2}" "查询 `{0}` 需要 {1} 个值，这里给了 {2} 个"
        hint "it takes: {3}" "它需要：{3}" }
    FIELDS_MISSING = 440 Error {
        "these values lack {0}" "这些值缺少 {0}"
        hint "say every field: a call may meet any of them" "请写全每个字段：通话中都可能用到" }

    // 05xx: prompts
    NO_SOUND = 501 Error {
        "the prompt `{0}` has no file \"{1}\"" "提示音 `{0}` 的文件 \"{1}\" 不存在"
        hint "paths count from the plan folder" "路径从计划目录算起" }
    BAD_SOUND = 502 Error {
        "\"{0}\" cannot be played: {1}" "\"{0}\" 无法播放：{1}"
        hint "prompts are WAV files: PCM of any rate, or G.711" "提示音须为 WAV：PCM（采样率不限）或 G.711" }
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

    NO_SUCH_LANGUAGE = 507 Error {
        "nothing is spoken in `{0}`" "没有任何 `{0}` 语种的提示音"
        hint "prompts are spoken in: {1}" "提示音的语种有：{1}" }

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

    EGRESS = 610 Error {
        "`{0}` speaks to {1}, which the policy does not allow" "`{0}` 访问 {1}，策略不允许"
        hint "allowed are: {2}" "允许的主机有：{2}" }
    DELAY_ALONE = 611 Error {
        "a delay without `mode intercept` keeps nothing back" "没有 `mode intercept` 的延时什么也拦不住"
        hint "write `mode intercept delay 1200ms`, or leave the delay out" "请写 `mode intercept delay 1200ms`，或去掉延时" }
    NO_DOWN = 612 Error {
        "this screen does not say what holds when nothing recognises speech" "没有写明语音识别不可用时怎么办"
        hint "add `on recogniser-down { tag \"…\"; event … }`" "请加上 `on recogniser-down { tag \"…\"; event … }`" }
    WITHOUT_MONITORS = 613 Error {
        "without its monitors the call goes on here and has nowhere to go" "监听人未到位时，呼叫走到这里就没有下文了"
        hint "lead away: `requeue …`, `-> flow` or `hangup`" "请离开：`requeue …`、`-> 流程` 或 `hangup`" }
    BAD_FEATURE = 614 Error {
        "`{0}` is not a code" "`{0}` 不是功能码"
        hint "a code begins with `*` or `#` and has at least one digit: \"*7\"" "功能码以 `*` 或 `#` 开头，至少再有一位：\"*7\"" }
    NOT_AT_END = 615 Error {
        "the call is over here: nobody can be shown or played anything" "此处通话已经结束，无法再播放或显示"
        hint "write `tag`, `event` or `notify`" "请写 `tag`、`event` 或 `notify`" }

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
    NEVER_IN_FORCE = 709 Error {
        "this ends before it begins" "结束早于开始"
        hint "`from` lies before `until`; a day alone is meant to its end" "`from` 应早于 `until`；只写日期时包含当天" }
    VERSIONS_MEET = 710 Error {
        "two versions of `{0}` are in force at once" "`{0}` 有两个版本同时生效"
        hint "write `supersedes` with the older version, or give it an `until`" "请写 `supersedes` 和旧版本号，或给旧版本加上 `until`" }
    GAP = 711 Warning {
        "the {0} `{1}` has no version in force from {2} to {3}" "{0} `{1}` 从 {2} 到 {3} 没有生效的版本"
        hint "let the later version begin where the earlier one ends" "请让后一个版本紧接前一个版本" }
    LAPSED = 712 Warning {
        "the {0} `{1}` lapsed on {2}" "{0} `{1}` 已于 {2} 失效"
        hint "write a new version" "请写一个新版本" }
    LAPSES_SOON = 713 Warning {
        "the {0} `{1}` lapses on {2} and nothing follows" "{0} `{1}` 将于 {2} 失效，之后没有新版本"
        hint "write the version that follows" "请写好后续版本" }

    // 08xx: secrets
    SECRET_LEAKS = 801 Error {
        "{0} can go nowhere but into a lookup that accepts it" "{0}只能交给接受它的查询"
        hint "hand it to a lookup with `accepts secret`" "请交给写明 `accepts secret` 的查询" }
    SECRET_NOT_ACCEPTED = 802 Error {
        "the lookup `{0}` takes a secret without saying so" "查询 `{0}` 需要机密，却没有写明"
        hint "add `accepts secret`" "请加上 `accepts secret`" }
    SECRET_IN_CLEAR = 803 Error {
        "the lookup `{0}` would send a secret where others can read it" "查询 `{0}` 会把机密送到别人看得见的地方"
        hint "write `post \"https://…\"`: addresses are logged, and plain HTTP is read by anybody on the way" "请写 `post \"https://…\"`：网址会进日志，明文 HTTP 途中谁都能看" }
    SECRET_ANSWERED = 804 Error {
        "a lookup cannot yield a secret" "查询不能返回机密"
        hint "let it answer `opaque`" "请让它返回 `opaque`" }

    // 09xx: scripts, words, campaigns
    SCRIPT_HOLES = 901 Error {
        "the versions of the script `{0}` take different values" "话术 `{0}` 的各版本需要的值不同"
        hint "give every version the same `{…}`" "请让各版本的 `{…}` 一致" }
    EMPTY_SCRIPT = 902 Error {
        "the script `{0}` says nothing" "话术 `{0}` 没有内容"
        hint "write `{ zh \"…\" }`" "请写 `{ zh \"…\" }`" }
    UNUSED_VALUE = 903 Warning {
        "no text of the script uses `{0}`" "话术里没有用到 `{0}`"
        hint "write `{0}` in braces where it is said, or delete it" "请在文字里用花括号写出 `{0}`，或将其删除" }
    EMPTY_WORD = 904 Error {
        "an empty word would be found everywhere" "空词会处处命中" }
    NO_WORDS = 905 Error {
        "the set `{0}` has no words" "词库 `{0}` 里没有词" }
    NIGHT_CALLS = 906 Error {
        "this window of calls runs through the night" "外呼时段跨越了深夜"
        hint "write the earlier time first: `window 08:00-20:00`" "请把较早的时刻写在前面：`window 08:00-20:00`" }
    TIERS_MEET = 907 Error {
        "the days {0} belong to two tiers, or to none" "逾期天数 {0} 属于两个档，或不属于任何档" }
    SCRIPT_SILENT = 908 Error {
        "the script `{0}` has no sound in some version" "话术 `{0}` 有的版本没有录音"
        hint "add `sound \"prompts/…\"` behind its text, or show it with `pop`" "请在文字后加上 `sound \"prompts/…\"`，或用 `pop` 显示给坐席" }
    EXPIRED = 909 Error {
        "the script `{0}` has lapsed and cannot be used" "话术 `{0}` 已失效，不能使用"
        hint "write a new version, or take this away" "请写一个新版本，或去掉这里的引用" }
    SCRIPT_VALUES = 910 Error {
        "the script `{0}` takes {1} value(s), here are {2}" "话术 `{0}` 需要 {1} 个值，这里给了 {2} 个"
        hint "it takes: {3}" "它需要：{3}" }
    FORBIDDEN_WORD = 911 Error {
        "`{0}` may not be said: it is one of `{1}`" "不得出现 `{0}`：它在词库 `{1}` 里"
        hint "say it otherwise" "请换一种说法" }
    BAD_PHRASE = 912 Error {
        "`{0}` cannot be looked for: {1}" "无法查找 `{0}`：{1}"
        hint "forms: `词`, `甲|乙`, `甲[..12]乙`, `甲[~12]乙`, `甲[digits 4..8]`, `!例外`, `!前缀[..4]*`" "可用形式：`词`、`甲|乙`、`甲[..12]乙`、`甲[~12]乙`、`甲[digits 4..8]`、`!例外`、`!前缀[..4]*`" }

    // 10xx: tests
    TEST_TWICE = 1001 Error {
        "two tests are called `{0}`" "两个测试都叫 `{0}`"
        hint "rename one" "请给其中一个改名" }
    NO_STUB = 1002 Error {
        "`{0}` is nothing that a test can stand in for" "`{0}` 不是测试可以替代的对象"
        hint "lookups, queues, groups and users can be stubbed" "可以替代的有：查询、队列、组和用户" }
    UNKNOWN_EXPECTATION = 1003 Error {
        "a test cannot expect `{0}`" "测试不能期待 `{0}`"
        hint "it can expect: {1}" "可以期待：{1}" }
    EXPECTATION_LACKS = 1004 Error {
        "`expect {0}` wants {1} behind it" "`expect {0}` 后面需要{1}" }
    NO_CALL = 1005 Error {
        "the test `{0}` expects what only a call can bring, and calls nobody" "测试 `{0}` 期待通话的结果，却没有打电话"
        hint "add `call from \"…\" to \"…\"`" "请加上 `call from \"…\" to \"…\"`" }
    EXPECTS_NOTHING = 1006 Warning {
        "the test `{0}` expects nothing" "测试 `{0}` 没有任何期待"
        hint "add `expect …`" "请加上 `expect …`" }
    TOO_MANY_TESTS = 1007 Error {
        "more than {0} tests" "测试超过 {0} 个" }
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
