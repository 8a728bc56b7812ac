//! Takes parts from the ticket's own shop, then from compatible articles, then from the other shops.

use repairops_plugin::prelude::*;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::iter;

#[derive(Deserialize)]
#[serde(default)]
struct Settings {
    /// SKU -> the SKUs that may replace it, the best first.
    compatible: BTreeMap<String, Vec<String>>,
    shop_order: Vec<Id>,
    only_listed_shops: bool,
    safety_stock: u32,
    own_safety_stock: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            compatible: BTreeMap::new(),
            shop_order: Vec::new(),
            only_listed_shops: false,
            safety_stock: 1,
            own_safety_stock: 0,
        }
    }
}

struct NearestStock;

impl ReserveInventory for NearestStock {
    type Settings = Settings;

    /// Goes from the best source to the worst, and serves all lines at each source, so that no line takes as a
    /// substitute what another line needs for itself.
    fn plan(event: ReservationEvent, settings: Settings) -> Result<Decision, PluginError> {
        let mut needs: Vec<_> = event.lines.iter().map(|line| Need::new(line, &settings)).collect();
        for mut shelf in shelves(&event.stock, &event.shop.id, &settings) {
            needs.iter_mut().for_each(|need| need.take_same(&mut shelf));
            needs.iter_mut().for_each(|need| need.take_compatible(&mut shelf));
        }
        Ok(Decision::plan(needs.into_iter().flat_map(Need::into_allocations)))
    }
}

/// The stock of one shop.
struct Shelf<'a> {
    shop_id: &'a str,
    /// 0 for the own shop, then the order of the settings; `None` for shops that the settings do not name.
    rank: Option<usize>,
    /// The position of its first item in the event's stock.
    first: usize,
    slots: Vec<Slot<'a>>,
}

/// An item, and its quantity that is not allocated yet.
struct Slot<'a> {
    item: &'a StockItem,
    usable: u32,
}

/// The shelves by preference: the own shop, those of the settings, and the rest in the order of the stock. Sorted and
/// searched, because comparing ids costs most of the fuel.
fn shelves<'a>(stock: &'a [StockItem], own: &str, settings: &Settings) -> Vec<Shelf<'a>> {
    let mut items: Vec<_> = stock.iter().enumerate().collect();
    items.sort_by_key(|(_, item)| &item.shop_id);
    let mut shelves: Vec<_> = items
        .chunk_by(|(_, a), (_, b)| a.shop_id == b.shop_id)
        .map(|items| Shelf::new(items, own, settings))
        .collect();

    let ranked = iter::once(own).chain(settings.shop_order.iter().map(Id::as_str));
    for (rank, shop_id) in ranked.enumerate() {
        if let Ok(found) = shelves.binary_search_by_key(&shop_id, |shelf| shelf.shop_id) {
            shelves[found].rank.get_or_insert(rank);
        }
    }
    if settings.only_listed_shops {
        shelves.retain(|shelf| shelf.rank.is_some());
    }
    shelves.sort_by_key(|shelf| (shelf.rank.is_none(), shelf.rank, shelf.first));
    shelves
}

impl<'a> Shelf<'a> {
    /// `items` are those of one shop, at least one, each with its position in the stock.
    fn new(items: &[(usize, &'a StockItem)], own: &str, settings: &Settings) -> Self {
        let (first, item) = items[0];
        let stays =
            if item.shop_id == own { settings.own_safety_stock } else { settings.safety_stock };
        let slots = items
            .iter()
            .map(|(_, item)| Slot { item, usable: item.available.saturating_sub(stays) })
            .collect();
        Self { shop_id: &item.shop_id, rank: None, first, slots }
    }
}

/// A line: its substitutes, its missing quantity, and its allocations.
struct Need<'a> {
    line: &'a Line,
    compatible: &'a [String],
    missing: u32,
    allocations: Vec<Allocation>,
}

impl<'a> Need<'a> {
    fn new(line: &'a Line, settings: &'a Settings) -> Self {
        let compatible = settings.compatible.get(&line.sku).map_or(&[][..], Vec::as_slice);
        Self { line, compatible, missing: line.missing, allocations: Vec::new() }
    }

    /// Allocates the line's own item, or items with the same SKU in another shop.
    fn take_same(&mut self, shelf: &mut Shelf<'_>) {
        let line = self.line;
        self.take(shelf, |item| item.id == line.inventory_id);
        self.take(shelf, |item| item.sku == line.sku);
    }

    fn take_compatible(&mut self, shelf: &mut Shelf<'_>) {
        for sku in self.compatible {
            self.take(shelf, |item| item.sku == *sku);
        }
    }

    fn take(&mut self, shelf: &mut Shelf<'_>, fits: impl Fn(&StockItem) -> bool) {
        for slot in shelf.slots.iter_mut().filter(|slot| slot.usable > 0 && fits(slot.item)) {
            let quantity = self.missing.min(slot.usable);
            if quantity > 0 {
                slot.usable -= quantity;
                self.missing -= quantity;
                self.allocations.push(Allocation::from_item(
                    &self.line.part_id,
                    &slot.item.id,
                    quantity,
                ));
            }
        }
    }

    fn into_allocations(mut self) -> Vec<Allocation> {
        if self.missing > 0 {
            self.allocations.push(Allocation::backorder(&self.line.part_id, self.missing));
        }
        self.allocations
    }
}

repairops_plugin::metadata! {
    settings_schema: include_str!("../settings.schema.json"),
}
repairops_plugin::export_reserve_inventory!(NearestStock);

#[cfg(test)]
mod tests {
    use super::*;
    use repairops_plugin::{sample, settings};

    /// The plan as (line's SKU, "SKU@shop" or "order", quantity); the own shop is called "own".
    fn plan(
        lines: &[(&str, u32)],
        stock: &[(&str, &str, u32)],
        json: &str,
    ) -> Vec<(String, String, u32)> {
        let shop = |name: &str| if name == "own" { sample::shop().id } else { name.to_owned() };
        let lines: Vec<_> = lines
            .iter()
            .enumerate()
            .map(|(number, (sku, missing))| Line {
                part_id: format!("{sku}#{number}"),
                ..sample::line(sku, *missing)
            })
            .collect();
        let stock: Vec<_> = stock
            .iter()
            .map(|(sku, name, available)| StockItem {
                id: format!("{sku}@{name}"),
                ..sample::stock_item(sku, &shop(name), *available)
            })
            .collect();
        let event = sample::reservation_event(lines, stock);
        let settings = settings::parse(json).expect("valid settings");
        let Decision::Plan(plan) = NearestStock::plan(event, settings).expect("an answer") else {
            panic!("this plugin never passes")
        };
        plan.into_iter()
            .map(|piece| {
                let source = match piece.source {
                    Source::Item(id) => id,
                    Source::Backorder => "order".into(),
                };
                (piece.part_id, source, piece.quantity)
            })
            .collect()
    }

    fn pieces(expected: &[(&str, &str, u32)]) -> Vec<(String, String, u32)> {
        expected.iter().map(|(line, source, n)| ((*line).into(), (*source).into(), *n)).collect()
    }

    #[test]
    fn own_shop_then_compatible_then_other_shops_then_order() {
        let got = plan(
            &[("A", 10)],
            &[("A", "east", 4), ("B", "own", 2), ("A", "own", 3)],
            r#"{"compatible": {"A": ["B"]}}"#,
        );
        let expected =
            [("A#0", "A@own", 3), ("A#0", "B@own", 2), ("A#0", "A@east", 3), ("A#0", "order", 2)];
        assert_eq!(got, pieces(&expected));
    }

    #[test]
    fn lines_share_an_item_and_never_overdraw_it() {
        let got = plan(&[("A", 2), ("A", 2)], &[("A", "own", 3)], "{}");
        let expected = [("A#0", "A@own", 2), ("A#1", "A@own", 1), ("A#1", "order", 1)];
        assert_eq!(got, pieces(&expected));
    }

    #[test]
    fn a_substitute_is_not_taken_from_the_line_that_needs_it() {
        let got =
            plan(&[("A", 1), ("B", 1)], &[("B", "own", 1)], r#"{"compatible": {"A": ["B"]}}"#);
        assert_eq!(got, pieces(&[("A#0", "order", 1), ("B#1", "B@own", 1)]));
    }

    #[test]
    fn shops_are_asked_in_the_order_of_the_settings() {
        let stock = [("A", "east", 2), ("A", "north", 2), ("A", "west", 2)];
        let got = plan(&[("A", 4)], &stock, r#"{"shop_order": ["west", "own", "east"]}"#);
        let expected = [
            ("A#0", "A@west", 1),
            ("A#0", "A@east", 1),
            ("A#0", "A@north", 1),
            ("A#0", "order", 1),
        ];
        assert_eq!(got, pieces(&expected));

        let only = r#"{"shop_order": ["west"], "only_listed_shops": true, "safety_stock": 0}"#;
        let got = plan(&[("A", 4)], &stock, only);
        assert_eq!(got, pieces(&[("A#0", "A@west", 2), ("A#0", "order", 2)]));
    }

    #[test]
    fn safety_stock_stays() {
        let stock = [("A", "own", 2), ("A", "east", 3)];
        let got = plan(&[("A", 9)], &stock, r#"{"own_safety_stock": 2, "safety_stock": 5}"#);
        assert_eq!(got, pieces(&[("A#0", "order", 9)]));
    }
}
