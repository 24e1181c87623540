//! How many runs may train at once, and where: some on the processor, some on each card.

use crate::device::Devices;
use crate::run::Device;

/// The places that are taken and free.
pub struct Places {
    /// Free places on the processor.
    cpu: usize,
    cards: Vec<CardPlaces>,
    per_card: usize,
}

struct CardPlaces {
    index: usize,
    free_bytes: u64,
    runs: usize,
}

impl Places {
    /// All places, none taken: `cpu` on the processor, `per_card` on each card.
    pub fn new(cpu: usize, per_card: usize, devices: &Devices) -> Places {
        let cards = devices.cuda.iter().map(|card| CardPlaces {
            index: card.index,
            free_bytes: card.free_bytes,
            runs: 0,
        });
        Places {
            cpu,
            cards: cards.collect(),
            per_card,
        }
    }

    /// Takes a place for a run that is there already.
    pub fn occupy(&mut self, device: Device) {
        match device {
            Device::Cuda(index) => self.card(index).runs += 1,
            Device::Auto | Device::Cpu => self.cpu = self.cpu.saturating_sub(1),
        }
    }

    /// Takes a place for a run that asks for a device; none where it has to wait. `auto` takes the card with the fewest runs,
    /// among those the one with the most free memory, and the processor only where there is no card.
    pub fn take(&mut self, wish: Device) -> Option<Device> {
        let per_card = self.per_card;
        match wish {
            Device::Auto if !self.cards.is_empty() => {
                let free = self.cards.iter_mut().filter(|card| card.runs < per_card);
                let card =
                    free.min_by_key(|card| (card.runs, std::cmp::Reverse(card.free_bytes)))?;
                card.runs += 1;
                Some(Device::Cuda(card.index))
            }
            Device::Auto | Device::Cpu => {
                self.cpu = self.cpu.checked_sub(1)?;
                Some(Device::Cpu)
            }
            Device::Cuda(index) => {
                let card = self.card(index);
                (card.runs < per_card).then(|| card.runs += 1)?;
                Some(wish)
            }
        }
    }

    /// A card that is gone has places like any other: its run starts and says that it is gone.
    fn card(&mut self, index: usize) -> &mut CardPlaces {
        let known = self.cards.iter().position(|card| card.index == index);
        let at = known.unwrap_or_else(|| {
            self.cards.push(CardPlaces {
                index,
                free_bytes: 0,
                runs: 0,
            });
            self.cards.len() - 1
        });
        &mut self.cards[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Card;
    use Device::{Auto, Cpu, Cuda};

    fn places(cpu: usize, per_card: usize, free: &[u64]) -> Places {
        let cuda = free.iter().enumerate().map(|(index, &free_bytes)| Card {
            index,
            name: "card".to_owned(),
            total_bytes: 100,
            free_bytes,
        });
        let devices = Devices {
            cuda: cuda.collect(),
            ..Devices::without_cards("")
        };
        Places::new(cpu, per_card, &devices)
    }

    #[test]
    fn auto_takes_the_emptiest_card_then_the_next_and_then_waits() {
        let mut places = places(1, 1, &[20, 90, 50]);
        let taken = [Auto, Auto, Auto, Auto].map(|wish| places.take(wish));
        assert_eq!(taken, [Some(Cuda(1)), Some(Cuda(2)), Some(Cuda(0)), None]);
        // Who asked for the processor does not wait for cards.
        assert_eq!(places.take(Cpu), Some(Cpu));
        assert_eq!(places.take(Cpu), None);
    }

    #[test]
    fn runs_share_cards_evenly_where_they_may() {
        let mut places = places(1, 2, &[20, 90]);
        places.occupy(Cuda(1));
        let taken = [Auto, Auto, Auto, Auto].map(|wish| places.take(wish));
        assert_eq!(taken, [Some(Cuda(0)), Some(Cuda(1)), Some(Cuda(0)), None]);
    }

    #[test]
    fn without_a_card_auto_is_the_processor_with_its_places() {
        let mut places = places(2, 1, &[]);
        places.occupy(Cpu);
        assert_eq!([Auto, Cpu].map(|w| places.take(w)), [Some(Cpu), None]);
    }

    #[test]
    fn a_run_that_names_its_card_waits_for_that_one() {
        let mut places = places(1, 1, &[20, 90]);
        assert_eq!(places.take(Cuda(0)), Some(Cuda(0)));
        assert_eq!(places.take(Cuda(0)), None);
        assert_eq!(places.take(Cuda(7)), Some(Cuda(7)));
        assert_eq!(places.take(Auto), Some(Cuda(1)));
    }
}
