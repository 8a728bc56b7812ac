//! The conversions of the records that have the same fields in every version of the WIT, so far.

/// Defines them for the generated types of one version.
macro_rules! shared_conversions {
    ($types:ident) => {
        pub(crate) fn user(from: &event::User) -> $types::User {
            $types::User { id: from.id.clone(), name: from.name.clone(), role: from.role.clone() }
        }

        pub(crate) fn actor(from: &event::Actor) -> $types::Actor {
            $types::Actor { name: from.name.clone(), user_id: from.user_id.clone() }
        }

        pub(crate) fn shop(from: &event::Shop) -> $types::Shop {
            $types::Shop {
                id: from.id.clone(),
                name: from.name.clone(),
                time_zone: from.time_zone.clone(),
                address: from.address.clone(),
            }
        }

        pub(crate) fn device(from: &event::Device) -> $types::Device {
            $types::Device {
                identifier: from.identifier.clone(),
                category: from.category.clone(),
                description: from.description.clone(),
            }
        }

        pub(crate) fn issue(from: &event::Issue) -> $types::Issue {
            $types::Issue {
                description: from.description.clone(),
                category: from.category.clone(),
                severity: from.severity.clone(),
            }
        }

        pub(crate) fn diagnostics(from: &event::Diagnostics) -> $types::Diagnostics {
            $types::Diagnostics {
                findings: from.findings.clone(),
                estimated_cost: from.estimated_cost,
                recommended_parts: from.recommended_parts.clone(),
            }
        }

        pub(crate) fn labor(from: &event::Labor) -> $types::Labor {
            $types::Labor { hours: from.hours, rate: from.rate, total: from.total }
        }

        pub(crate) fn part(from: &event::Part) -> $types::Part {
            $types::Part {
                id: from.id.clone(),
                inventory_id: from.inventory_id.clone(),
                sku: from.sku.clone(),
                name: from.name.clone(),
                quantity: from.quantity,
                unit_cost: from.unit_cost,
                total: from.total,
                held: from.held,
                consumed: from.consumed,
            }
        }

        pub(crate) fn stock_item(from: &event::StockItem) -> $types::StockItem {
            $types::StockItem {
                id: from.id.clone(),
                shop_id: from.shop_id.clone(),
                sku: from.sku.clone(),
                name: from.name.clone(),
                category: from.category.clone(),
                on_hand: from.on_hand,
                reserved: from.reserved,
                available: from.available,
                cost: from.cost,
                selling_price: from.selling_price,
                reorder_level: from.reorder_level,
                supplier: from.supplier.clone(),
            }
        }

        pub(crate) fn custom_field(from: &event::CustomField) -> $types::CustomField {
            let value = match &from.value {
                event::CustomValue::Text(text) => $types::CustomValue::Text(text.clone()),
                event::CustomValue::Number(number) => $types::CustomValue::Number(*number),
                event::CustomValue::Flag(flag) => $types::CustomValue::Flag(*flag),
            };
            $types::CustomField { key: from.key.clone(), value }
        }

        pub(crate) fn plugin_error(from: $types::PluginError) -> event::PluginError {
            match from {
                $types::PluginError::InvalidSettings(text) => {
                    event::PluginError::InvalidSettings(text)
                }
                $types::PluginError::Unsupported(text) => event::PluginError::Unsupported(text),
                $types::PluginError::Failed(text) => event::PluginError::Failed(text),
            }
        }

        pub(crate) fn field_of_guest(from: $types::CustomField) -> event::CustomField {
            let value = match from.value {
                $types::CustomValue::Text(text) => event::CustomValue::Text(text),
                $types::CustomValue::Number(number) => event::CustomValue::Number(number),
                $types::CustomValue::Flag(flag) => event::CustomValue::Flag(flag),
            };
            event::CustomField { key: from.key, value }
        }
    };
}
