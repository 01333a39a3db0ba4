//! A terminal that is said to be a few columns narrower than it is: behind a line that is drawn to its end, `^C` still fits.

use std::io;

use console::Term;
use indicatif::TermLike;

/// The terminal writes `^C` where the cursor stands. Where it does not fit, it goes to the next line, and what is drawn there
/// leaves the one above as it is.
const ROOM_FOR_ECHO: u16 = 3;

#[derive(Debug)]
pub(crate) struct NarrowerTerminal(Term);

impl NarrowerTerminal {
    /// The one that standard error is.
    pub(crate) fn stderr() -> NarrowerTerminal {
        NarrowerTerminal(Term::buffered_stderr())
    }

    /// The columns that a line may take, where that is known.
    pub(crate) fn columns() -> Option<usize> {
        let (_, columns) = Term::stderr().size_checked()?;
        Some(columns.saturating_sub(ROOM_FOR_ECHO).into())
    }
}

impl TermLike for NarrowerTerminal {
    fn width(&self) -> u16 {
        self.0.size().1.saturating_sub(ROOM_FOR_ECHO)
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.0.move_cursor_up(lines)
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.0.move_cursor_down(lines)
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.0.move_cursor_right(columns)
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.0.move_cursor_left(columns)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush()
    }
}
