//! Names of tasks, and labels that say what a task is busy with.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

/// The name of a task, a queue or a deadline. Free of cost for a `&'static str`.
#[derive(Clone, PartialEq, Eq)]
pub struct Name(Kind);

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    Static(&'static str),
    Shared(Arc<str>),
    Numbered(&'static str, u32),
}

impl Name {
    /// A name such as `worker[3]`, built without an allocation.
    #[must_use]
    pub const fn numbered(stem: &'static str, number: u32) -> Self {
        Self(Kind::Numbered(stem, number))
    }

    pub(crate) const fn fixed(name: &'static str) -> Self {
        Self(Kind::Static(name))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Static(name) => f.write_str(name),
            Kind::Shared(name) => f.write_str(name),
            Kind::Numbered(stem, number) => write!(f, "{stem}[{number}]"),
        }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

impl From<&'static str> for Name {
    fn from(name: &'static str) -> Self {
        Self::fixed(name)
    }
}

impl From<String> for Name {
    fn from(name: String) -> Self {
        Self(Kind::Shared(name.into()))
    }
}

impl From<Arc<str>> for Name {
    fn from(name: Arc<str>) -> Self {
        Self(Kind::Shared(name))
    }
}

impl From<(&'static str, usize)> for Name {
    fn from((stem, number): (&'static str, usize)) -> Self {
        Self::numbered(stem, u32::try_from(number).unwrap_or(u32::MAX))
    }
}

/// What a task is busy with, for the task tree. It is formatted only when somebody looks.
#[derive(Clone)]
pub struct Label(LabelKind);

#[derive(Clone)]
enum LabelKind {
    Static(&'static str),
    Shared(Rc<dyn fmt::Display>),
    SharedWithThreads(Arc<dyn fmt::Display>),
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            LabelKind::Static(text) => f.write_str(text),
            LabelKind::Shared(value) => value.fmt(f),
            LabelKind::SharedWithThreads(value) => value.fmt(f),
        }
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<&'static str> for Label {
    fn from(text: &'static str) -> Self {
        Self(LabelKind::Static(text))
    }
}

/// Shares the value: setting such a label counts a reference and formats nothing.
impl<T: fmt::Display + 'static> From<Rc<T>> for Label {
    fn from(value: Rc<T>) -> Self {
        Self(LabelKind::Shared(value))
    }
}

/// The same.
impl<T: fmt::Display + 'static> From<Arc<T>> for Label {
    fn from(value: Arc<T>) -> Self {
        Self(LabelKind::SharedWithThreads(value))
    }
}
