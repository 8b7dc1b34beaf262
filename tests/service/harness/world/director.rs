//! Who decides what becomes of a call.

use std::future::Future;
use std::pin::Pin;

use super::call::Call;
use super::fault::Fault;
use super::reply::Reply;

pub(crate) type Decision<'a> = Pin<Box<dyn Future<Output = Option<Fault>> + Send + 'a>>;

pub(crate) trait Director: Send + Sync {
    /// Decides what becomes of a call; without a fault it is made, and its answer arrives.
    ///
    /// The call waits for the decision, so a director can park it until it is the call's turn. It can also change what the
    /// call says.
    fn decide<'a>(&'a self, call: &'a mut Call) -> Decision<'a>;

    /// Is told of each call that was made, and what the service said. Nobody else may ever learn that.
    fn made(&self, _call: &Call, _reply: &Reply) {}
}
