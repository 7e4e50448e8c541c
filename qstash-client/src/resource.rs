//! The common part of the handles of all resources.

use std::fmt;

use crate::{
    Client, Error,
    draft::valid,
    error::{Fault, InvalidInput},
    request::Call,
};

/// One entry of a resource, by its id. A mistake in the id is returned by the verbs, before anything is sent.
#[derive(Clone, Debug)]
pub(crate) struct Resource<Id> {
    pub(crate) client: Client,
    pub(crate) id: Result<Id, InvalidInput>,
}

impl<Id: AsRef<str>> Resource<Id> {
    pub(crate) fn new(
        client: &Client,
        field: &'static str,
        id: impl TryInto<Id, Error: fmt::Display>,
    ) -> Self {
        Self { client: client.clone(), id: valid(field, id) }
    }

    pub(crate) async fn call<T>(
        &self,
        call: impl FnOnce(&str) -> Call,
        decode: impl Fn(&[u8]) -> Result<T, Fault>,
    ) -> Result<T, Error> {
        let id = self.id.as_ref().map_err(Clone::clone)?;
        self.client.call(call(id.as_ref()), decode).await
    }
}
