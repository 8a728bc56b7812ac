//! One hook of one WIT version.
//!
//! Invariant: a value of a [`GuestHook`] exists only for a component whose function has exactly the type of the WIT.

use std::any::Any;

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{ComponentNamedList, InstancePre, Lift, Lower};
use wasmtime::error::Context as _;
use wasmtime::{Result, Store};

use crate::event::{Hook, HookEvent, PluginError};
use crate::guest::Guest;

/// What the guest's function returned.
pub(crate) type Returned<T> = std::result::Result<T, PluginError>;

/// One hook in one version of the WIT: its world, the conversions, the size of its input, the rules of its answer.
pub(crate) trait GuestHook: Sized + Send + Sync + 'static {
    type Event: HookEvent;
    type Instance;

    /// The interface with its version, as components export it.
    const INTERFACE: &'static str;

    /// Checks the type of the component's function.
    fn new(pre: InstancePre<Guest>) -> Result<Self>;

    fn instantiate(&self, store: &mut Store<Guest>) -> Result<Self::Instance>;

    fn call(
        instance: &Self::Instance,
        store: &mut Store<Guest>,
        event: &Self::Event,
    ) -> Result<Returned<<Self::Event as HookEvent>::Answer>>;

    /// Estimates how many bytes the event takes in the guest.
    fn input_bytes(event: &Self::Event) -> u64;

    /// Checks the rules of the WIT beyond its types, and trims texts. The error says what is wrong and what is valid.
    fn check(answer: &mut <Self::Event as HookEvent>::Answer) -> std::result::Result<(), String>;
}

/// A [`GuestHook`] of any version.
pub(crate) trait Callable<E: HookEvent>: Send + Sync {
    fn input_bytes(&self, event: &E) -> u64;
    fn check(&self, answer: &mut E::Answer) -> std::result::Result<(), String>;

    /// Instantiates the component and calls the hook.
    fn call(&self, store: &mut Store<Guest>, event: &E) -> Result<Returned<E::Answer>>;

    /// Creates an instance that can be called more than once.
    fn instantiate(&self, store: &mut Store<Guest>) -> Result<Warm<E>>;
}

/// Calls the hook of one instance.
pub(crate) type Warm<E> =
    Box<dyn Fn(&mut Store<Guest>, &E) -> Result<Returned<<E as HookEvent>::Answer>>>;

impl<H: GuestHook> Callable<H::Event> for H
where
    H::Instance: 'static,
{
    fn input_bytes(&self, event: &H::Event) -> u64 {
        H::input_bytes(event)
    }

    fn check(
        &self,
        answer: &mut <H::Event as HookEvent>::Answer,
    ) -> std::result::Result<(), String> {
        H::check(answer)
    }

    fn call(
        &self,
        store: &mut Store<Guest>,
        event: &H::Event,
    ) -> Result<Returned<<H::Event as HookEvent>::Answer>> {
        let instance = H::instantiate(self, store)?;
        store.data_mut().called = true;
        H::call(&instance, store, event)
    }

    fn instantiate(&self, store: &mut Store<Guest>) -> Result<Warm<H::Event>> {
        let instance = H::instantiate(self, store)?;
        Ok(Box::new(move |store, event| H::call(&instance, store, event)))
    }
}

/// A version of the WIT.
pub(crate) struct Version {
    /// The prefix of its exact versions: `0.1.`; a later patch version only adds.
    pub(crate) prefix: &'static str,
    pub(crate) hooks: &'static [HookExport],
}

impl Version {
    pub(crate) fn has(&self, version: &str) -> bool {
        is_patch_of(self.prefix, version)
    }
}

/// Whether `version` is `prefix` followed by a number.
pub(crate) fn is_patch_of(prefix: &str, version: &str) -> bool {
    let patch = version.strip_prefix(prefix).unwrap_or_default();
    !patch.is_empty() && patch.bytes().all(|byte| byte.is_ascii_digit())
}

/// A hook that a component may export in one version.
pub(crate) struct HookExport {
    pub(crate) hook: Hook,
    pub(crate) interface: &'static str,
    /// A `Box<dyn Callable<_>>` of the hook's event.
    pub(crate) prepare: fn(InstancePre<Guest>) -> Result<Entry>,
}

pub(crate) type Entry = Box<dyn Any + Send + Sync>;

impl HookExport {
    pub(crate) const fn of<H: GuestHook>() -> Self
    where
        H::Instance: 'static,
    {
        HookExport {
            hook: <H::Event as HookEvent>::HOOK,
            interface: H::INTERFACE,
            prepare: |pre| {
                let callable: Box<dyn Callable<H::Event>> = Box::new(H::new(pre)?);
                Ok(Box::new(callable))
            },
        }
    }
}

/// Checks that a function has the type of the WIT. The generated bindings look up only its name and would fail at the
/// first call.
pub(crate) fn check_type<P, R>(
    pre: &InstancePre<Guest>,
    interface: &str,
    function: &str,
) -> Result<()>
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    let component = pre.component();
    let index = component.get_export_index(None, interface);
    let found = index.and_then(|index| component.get_export(Some(&index), function));
    match found {
        Some((ComponentItem::ComponentFunc(found), _)) => {
            let ty = component.component_type();
            found.typecheck::<P, R>(&ty.instance_type()).with_context(|| {
                format!("the type of {function} differs from the WIT of {interface}")
            })
        }
        _ => Err(wasmtime::format_err!("the function {function} is missing")),
    }
}
