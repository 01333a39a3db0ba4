//! What the compiler refuses: traps that cannot be fallen into here.
//!
//! Each is a test that must not compile, beside the same program put right, which is one as well.
//!
//! # A forgotten await
//!
//! The workspace denies `unused_must_use`, as `Cargo.toml` shows; elsewhere it is a warning.
//!
//! ```compile_fail
//! #![deny(unused_must_use)]
//! async fn nap() {
//!     headcount_tasks::sleep(std::time::Duration::from_secs(1));
//! }
//! ```
//! ```
//! #![deny(unused_must_use)]
//! async fn nap() {
//!     headcount_tasks::sleep(std::time::Duration::from_secs(1)).await;
//! }
//! ```
//!
//! # A forgotten await whose value is wanted
//!
//! What was not awaited is a future, not the text that it will give.
//!
//! ```compile_fail
//! async fn fetch() -> String { String::from("page") }
//! async fn length() -> usize {
//!     fetch().len()
//! }
//! ```
//! ```
//! async fn fetch() -> String { String::from("page") }
//! async fn length() -> usize {
//!     fetch().await.len()
//! }
//! ```
//!
//! # An await in a function that is not async
//!
//! ```compile_fail
//! async fn fetch() -> String { String::from("page") }
//! fn program() -> String {
//!     fetch().await
//! }
//! ```
//! ```
//! async fn fetch() -> String { String::from("page") }
//! fn program() -> Result<String, headcount_tasks::Error> {
//!     headcount_tasks::run(fetch())
//! }
//! assert_eq!(program()?, "page");
//! # Ok::<(), headcount_tasks::Error>(())
//! ```
//!
//! # A list that two threads change at the same time
//!
//! ```compile_fail
//! let mut results = Vec::new();
//! std::thread::scope(|s| {
//!     s.spawn(|| results.push(1));
//!     s.spawn(|| results.push(2));
//! });
//! ```
//! ```
//! let results = std::sync::Mutex::new(Vec::new());
//! std::thread::scope(|s| {
//!     s.spawn(|| results.lock().unwrap().push(1));
//!     s.spawn(|| results.lock().unwrap().push(2));
//! });
//! assert_eq!(results.into_inner().unwrap().len(), 2);
//! ```
//!
//! # The loop's own objects on another thread
//!
//! A handle, a queue or a permit belongs to one loop. What crosses to a thread must be able to.
//!
//! ```compile_fail
//! async fn work() -> Result<(), headcount_tasks::BoxError> {
//!     let queue = headcount_tasks::Queue::new("results", 1);
//!     headcount_tasks::to_thread("worker", move || queue.try_put("page").is_ok()).await?;
//!     Ok(())
//! }
//! ```
//! ```
//! async fn work() -> Result<(), headcount_tasks::BoxError> {
//!     let queue = headcount_tasks::Queue::new("results", 1);
//!     queue.put(headcount_tasks::to_thread("worker", move || "page").await?).await?;
//!     Ok(())
//! }
//! headcount_tasks::run(work())?;
//! # Ok::<(), headcount_tasks::Error>(())
//! ```
