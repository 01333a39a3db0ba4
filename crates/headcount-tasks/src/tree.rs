//! Looking at tasks: the current one, and the tree of all with their state, age and what they
//! wait for.

use std::fmt;
use std::panic::Location;
use std::rc::Rc;
use std::time::Duration;

use crate::debug::name_of_object;
use crate::event_loop::Loop;
use crate::name::{Label, Name};
use crate::scope_state::ScopeState;
use crate::task::{Slab, Task, TaskKey, TaskState};
use crate::wait::What;

/// One task, as it stood when the tree was made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskInfo {
    /// Its name.
    pub name: Name,
    /// Its depth in the tree; the main task and daemons stand at zero.
    pub depth: usize,
    /// Where it stands.
    pub state: TaskState,
    /// How long ago it was spawned, to the millisecond of the loop's turn.
    pub age: Duration,
    /// What it waits for, if it waits for something of this crate: `an item of queue "urls"`.
    pub waits_for: Option<String>,
    /// What it said it is busy with; see [`Current::label`].
    pub label: Option<String>,
    /// Where it was spawned.
    pub place: &'static Location<'static>,
}

/// All tasks of a loop, parents before their children.
#[derive(Clone, Debug, Default)]
pub struct TaskTree {
    /// The tasks, in the order of the tree.
    pub tasks: Vec<TaskInfo>,
    /// Jobs on blocking or computing threads: name and age.
    pub threads: Vec<(Name, Duration)>,
}

/// The tree of the tasks of this thread's loop; empty where none runs.
#[must_use]
pub fn task_tree() -> TaskTree {
    Loop::with(TaskTree::of).unwrap_or_default()
}

impl TaskTree {
    pub(crate) fn of(event_loop: &Rc<Loop>) -> Self {
        let mut tree = Self { tasks: Vec::new(), threads: event_loop.threads.list() };
        let root = Rc::clone(&event_loop.root);
        // A list of what is still to be visited, so that deep trees need no deep stack.
        let mut ahead: Vec<(TaskKey, usize)> = Vec::new();
        let below = |scope: &ScopeState, depth: usize, ahead: &mut Vec<(TaskKey, usize)>| {
            ahead.extend(scope.children(event_loop).into_iter().rev().map(|key| (key, depth)));
        };
        below(&root, 0, &mut ahead);
        while let Some((key, depth)) = ahead.pop() {
            let (mut info, label, scopes) = {
                let tasks = event_loop.tasks.borrow();
                let Some(task) = tasks.get(key) else { continue };
                let label = task.extra.as_ref().and_then(|extra| extra.label.clone());
                (describe(event_loop, &tasks, key, task, depth), label, task.open_scopes().to_vec())
            };
            // The user's code, which may look at tasks itself.
            info.label = label.map(|label| label.to_string());
            tree.tasks.push(info);
            for scope in scopes.iter().rev() {
                below(scope, depth + 1, &mut ahead);
            }
        }
        tree
    }
}

/// All but the label.
fn describe(event_loop: &Loop, tasks: &Slab, key: TaskKey, task: &Task, depth: usize) -> TaskInfo {
    TaskInfo {
        name: task.name.clone(),
        depth,
        state: event_loop.state_in(tasks, key, task),
        age: Duration::from_millis(u64::from(event_loop.now().saturating_sub(task.born))),
        waits_for: waits_for(tasks, task),
        label: None,
        place: task.place,
    }
}

fn waits_for(tasks: &Slab, task: &Task) -> Option<String> {
    let object = |text: &str| match name_of_object(task.wait.on) {
        Some(name) => format!("{text} `{name}`"),
        None => text.to_owned(),
    };
    Some(match task.wait.what {
        What::Unknown => return None,
        What::Yield => "its next turn".to_owned(),
        What::Sleep => "a timer".to_owned(),
        What::Task => match tasks.at(task.wait.on) {
            Some(other) => format!("task `{}`", other.name),
            None => "a task".to_owned(),
        },
        What::Children => "its children".to_owned(),
        What::QueueGet => object("an item of queue"),
        What::QueuePut => object("room in queue"),
        What::QueueJoin => object("all items done in queue"),
        What::Permit => object("a permit of semaphore"),
        What::Thread => "a blocking thread".to_owned(),
        What::Cpu => "a computing thread".to_owned(),
        What::Next => "the next to finish".to_owned(),
    })
}

impl Loop {
    pub(crate) fn state_of(&self, key: TaskKey) -> TaskState {
        let tasks = self.tasks.borrow();
        tasks.get(key).map_or(TaskState::Ended, |task| self.state_in(&tasks, key, task))
    }

    fn state_in(&self, tasks: &Slab, key: TaskKey, task: &Task) -> TaskState {
        if task.end.is_some() {
            TaskState::Ended
        } else if self.current() == Some(key) {
            TaskState::Running
        } else if task.requested || task.closing.is_some() {
            TaskState::Cancelling
        } else if !task.polled {
            TaskState::New
        } else if tasks.cell(key).is_some_and(|cell| cell.scheduled.is_set()) {
            TaskState::Ready
        } else {
            TaskState::Waiting
        }
    }
}

impl fmt::Display for TaskTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tasks", self.tasks.len())?;
        for task in &self.tasks {
            let state = match task.state {
                TaskState::New => "new",
                TaskState::Running => "running",
                TaskState::Ready => "ready",
                TaskState::Waiting => "waiting",
                TaskState::Cancelling => "cancelling",
                TaskState::Ended => "ended",
            };
            write!(
                f,
                "\n{:indent$}{} ({state}, {:.1?})",
                "",
                task.name,
                task.age,
                indent = 2 + 2 * task.depth
            )?;
            if let Some(waits_for) = &task.waits_for {
                write!(f, " waits for {waits_for}")?;
            }
            if let Some(label) = &task.label {
                write!(f, ": {label}")?;
            }
        }
        for (name, age) in &self.threads {
            write!(f, "\n  thread: {name} ({age:.1?})")?;
        }
        Ok(())
    }
}

/// The task that is being polled.
#[derive(Clone, Debug)]
pub struct Current {
    name: Name,
    key: TaskKey,
}

/// The current task; `None` outside of tasks. Source: `asyncio.current_task`.
#[must_use]
pub fn current() -> Option<Current> {
    Loop::with(|event_loop| event_loop.current().map(|key| Current { name: event_loop.name_of(key), key }))
        .flatten()
}

impl Current {
    /// The task's name.
    #[must_use]
    pub fn name(&self) -> Name {
        self.name.clone()
    }

    /// Says what the task is busy with, such as which URL; the tree shows it. An `Rc` of anything
    /// that can be displayed is shared and formatted only when somebody looks.
    pub fn label(&self, label: impl Into<Label>) {
        let label = label.into();
        let old = Loop::with(|event_loop| {
            let mut tasks = event_loop.tasks.borrow_mut();
            tasks.get_mut(self.key).and_then(|task| task.extra().label.replace(label))
        });
        drop(old);
    }

    /// Whether the task has been asked to end.
    #[must_use]
    pub fn is_cancelling(&self) -> bool {
        Loop::with(|event_loop| event_loop.tasks.borrow().get(self.key).is_some_and(|task| task.requested))
            == Some(true)
    }
}

/// Says what the current task is busy with; short for `current().label(..)`, and free where no
/// task runs.
pub fn label(label: impl Into<Label>) {
    let label = label.into();
    let old = Loop::with(|event_loop| {
        let key = event_loop.current()?;
        event_loop.tasks.borrow_mut().get_mut(key)?.extra().label.replace(label)
    });
    drop(old);
}
