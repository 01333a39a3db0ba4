//! The small web.
