//! What a lane knows of its host's addresses: found once for all its requests, for as long as the name server says.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::network::Addresses;
use crate::record::Failure;

/// A host's addresses, once they are found.
#[derive(Default)]
pub(crate) struct KnownAddresses {
    found: RefCell<Option<Found>>,
    /// Held by whoever asks the name server; the others wait for what it says.
    asking: Mutex<()>,
}

/// The addresses, and until when they are those.
type Found = (Rc<[IpAddr]>, Option<Instant>);

impl KnownAddresses {
    /// The addresses, if they are known and not too old.
    pub(crate) fn get(&self) -> Option<Rc<[IpAddr]>> {
        let found = self.found.borrow();
        let (addresses, valid_until) = found.as_ref()?;
        valid_until.is_none_or(|end| Instant::now() < end).then(|| Rc::clone(addresses))
    }

    /// The addresses, which `find` finds out if nobody else has or does.
    pub(super) async fn get_or_find(
        &self,
        find: impl Future<Output = Result<Addresses, Failure>>,
    ) -> Result<Rc<[IpAddr]>, Failure> {
        if let Some(known) = self.get() {
            return Ok(known);
        }
        let _turn = self.asking.lock().await;
        if let Some(known) = self.get() {
            return Ok(known);
        }
        let Addresses { list, valid_until } = find.await?;
        let addresses: Rc<[IpAddr]> = list.into();
        *self.found.borrow_mut() = Some((Rc::clone(&addresses), valid_until));
        Ok(addresses)
    }

    /// Nobody answered there: the next attempt may find others.
    pub(super) fn forget(&self) {
        *self.found.borrow_mut() = None;
    }
}
