//! The one layout of plan files: lines where their author put them, everything else as the house writes it.
//!
//! ```text
//! tree ─outline─> tokens with their places ─lines─> lines of cells ─align─> text
//! ```
//!
//! Line ends of the author stay (a block that runs over several lines has its braces at line ends), one blank line may
//! stand between lines, comments stay where they are. Indentation, blanks between tokens and columns are the formatter's.
//!
//! Invariant: what is formatted means the same (the canonical text of its tree, from which a program is named, is the
//! same), and formatting it again changes nothing. What cannot be read is not formatted.

mod align;
mod lines;
mod outline;
mod space;

use super::diagnostic::Diagnostic;
use super::{read, tree::Tree};

/// The canonical layout of a plan text; `path` is the name under which diagnostics speak of it.
///
/// # Errors
/// The text cannot be read: what is wrong with its grammar. What its names mean is not looked at.
pub fn format(path: &str, text: &str) -> Result<String, Vec<Diagnostic>> {
    let (tree, found) = read(path, text);
    if found.iter().any(Diagnostic::is_error) {
        return Err(found);
    }
    // A `;` at the end of a line says nothing, but for the rare place where the next line would else go on with the statement.
    let formatted = layout(&tree, true);
    let formatted = if means_the_same(&tree, &formatted) { formatted } else { layout(&tree, false) };
    debug_assert!(means_the_same(&tree, &formatted), "formatting changes {path}:\n{formatted}");
    Ok(if means_the_same(&tree, &formatted) { formatted } else { text.to_string() })
}

fn means_the_same(tree: &Tree, formatted: &str) -> bool {
    let (again, found) = read("", formatted);
    !found.iter().any(Diagnostic::is_error) && again.canonical() == tree.canonical()
}

fn layout(tree: &Tree, drops: bool) -> String {
    let outline = outline::Outline::of(tree, drops);
    let mut lines = lines::lines(&outline);
    align::cells(&mut lines);
    align::comments(&mut lines);
    lines::text(&lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formatted(text: &str) -> String {
        let out = format("a.plan", text).expect("a plan that can be read");
        assert_eq!(format("a.plan", &out).as_ref().ok(), Some(&out), "again");
        out
    }

    #[test]
    fn blanks_indents_and_columns_are_the_formatters() {
        let text = "edition   2026\n\n\n\n# head   \nroute \"95599\" from users->a   # main\n\
                    route names from  users -> dial user{ callee } for 25s# rest\n\n\
                    flow a(x:phone){\n\n  say { x } ,p{zh , en};hangup ;\n\n}\n\
                    hours h{mon-fri 08:00 - 20:00,21:00-22:00;holidays cn;}\nflow b{}\n";
        expect_test::expect![[r#"
            edition 2026

            # head
            route "95599" from users -> a                           # main
            route names   from users -> dial user {callee} for 25s  # rest

            flow a(x: phone) {
              say {x}, p {zh, en}; hangup
            }
            hours h { mon-fri 08:00-20:00, 21:00-22:00; holidays cn }
            flow b { }
        "#]]
        .assert_eq(&formatted(text));
    }

    #[test]
    fn lookups_spread_blocks_and_comments_keep_their_shape() {
        let text = "edition 2026\nlookup 客户(phone:phone)->{级别:VIP|普通}\nget \"http://h/c\" timeout 1s\nflow a{ if b{hangup\n} # x\n\
                    else{ let c=lookup 客户( caller )else{级别:普通};-> a( c.级别 )\n# y\n}\n}\n# z";
        expect_test::expect![[r#"
            edition 2026
            lookup 客户(phone: phone) -> { 级别: VIP|普通 }
              get "http://h/c" timeout 1s
            flow a {
              if b {
                hangup
              }  # x
              else {
                let c = lookup 客户(caller) else { 级别: 普通 }; -> a(c.级别)
                # y
              }
            }
            # z
        "#]]
        .assert_eq(&formatted(text));
    }
}
