//! Owns the way of a target's pages into the store: its series, and what their absence means.

use std::collections::HashMap;
use std::sync::Arc;

use squall_query::{Labels, Selector};

use crate::exposition::{self, ExpositionError, Format, Named, Page, Raw};
use crate::source::Pulled;
use crate::store::{Appended, Refusal, SeriesId, Store};

/// The metric by which Go and other clients say when their process started.
const PROCESS_START: &str = "process_start_time_seconds";
/// The metric by which a target is said to have answered.
const UP: &str = "up";
/// Series that were not shown for so many pages are no longer remembered.
const FORGOTTEN_AFTER: u64 = 16;

/// The pages of one target. Series are known by their text from one page to the next, and are
/// looked for first where they stood the last time.
#[derive(Debug, Default)]
pub struct Intake {
    /// Labels given to series that have none of that name.
    target: Vec<(String, String)>,
    wanted: Vec<Selector>,
    known: Vec<Known>,
    by_text: HashMap<Arc<str>, u32>,
    pages: u64,
    last_ok_ms: Option<i64>,
    process_start_ms: Option<i64>,
}

#[derive(Debug)]
struct Known {
    text: Arc<str>,
    /// The labels as the target shows them, and as they are stored.
    shown: Labels,
    labels: Labels,
    wanted: bool,
    id: Option<SeriesId>,
    /// The last page that showed it; the series ends where the next one does not.
    page: u64,
    /// The series that followed on the last page.
    next: u32,
}

impl Intake {
    /// Starts without a page. `target` are the labels given to series that lack them.
    pub fn new(target: Vec<(String, String)>) -> Intake {
        Intake { target, ..Intake::default() }
    }

    /// Gives a series the target's labels where it has none of its own.
    pub fn named(&self, labels: &Labels) -> Labels {
        let mut labels = labels.clone();
        for (name, value) in &self.target {
            if !labels.has(name) {
                labels = labels.with(name, value);
            }
        }
        labels
    }

    /// Stores a page's samples of the wanted series (of all, where nothing is wanted) and `up`, and
    /// ends the series that it no longer shows. A malformed page changes nothing.
    pub fn take(
        &mut self,
        body: &str,
        format: Format,
        at_ms: i64,
        wanted: &[Selector],
        store: &mut Store,
    ) -> Result<Pulled, ExpositionError> {
        if self.wanted != wanted {
            self.ask_for(wanted);
        }
        let mut guess = 0;
        let page = exposition::read(body, format, |text| {
            let place = self.find(guess, text)?;
            guess = self.known[place as usize].next;
            Some(place)
        })?;
        self.pages += 1;
        self.write_up(at_ms, true, store);
        let places: Vec<u32> = page.samples.iter().map(|raw| self.place(raw)).collect();
        for pair in places.windows(2) {
            self.known[pair[0] as usize].next = pair[1];
        }
        let mut pulled = Pulled::default();
        let started = self.note_process_start(&page, &places);
        for (raw, place) in page.samples.iter().zip(&places) {
            let zero_ms = page.created_ms(&self.known[*place as usize].shown).or(started);
            self.append(*place, raw, (at_ms, zero_ms), store, &mut pulled);
        }
        self.end_others(at_ms, store);
        pulled.warn_of_refusals(store);
        self.last_ok_ms = Some(at_ms);
        Ok(pulled)
    }

    /// Notes that a page did not come: all series end, so that old values are not taken for new
    /// ones.
    pub fn missed(&mut self, at_ms: i64, store: &mut Store) {
        self.pages += 1;
        self.write_up(at_ms, false, store);
        self.end_others(at_ms, store);
    }

    fn write_up(&self, at_ms: i64, up: bool, store: &mut Store) {
        let none: [(&str, &str); 0] = [];
        let labels = self.named(&Labels::named(UP, none));
        // A refusal is counted by the store, and shows as a missing sample.
        let _ = store.append(&labels, at_ms, f64::from(u8::from(up)));
    }

    fn find(&self, guess: u32, text: &str) -> Option<u32> {
        match self.known.get(guess as usize) {
            Some(known) if *known.text == *text => Some(guess),
            _ => self.by_text.get(text).copied(),
        }
    }

    fn ask_for(&mut self, wanted: &[Selector]) {
        self.wanted = wanted.to_vec();
        for known in &mut self.known {
            known.wanted = is_wanted(wanted, &known.labels);
        }
    }

    /// Returns the place of a sample's series, and remembers it where it is new.
    fn place(&mut self, raw: &Raw<'_>) -> u32 {
        let shown = match &raw.named {
            Named::Known(place) => return *place,
            Named::New(shown) => shown.clone(),
        };
        // A text that is not told from the rest of its line, and a page that shows a new series
        // twice, come here again and again.
        let text: Arc<str> = match raw.series {
            "" => shown.to_string().into(),
            text => text.into(),
        };
        if let Some(place) = self.by_text.get(&text) {
            return *place;
        }
        let place = self.known.len() as u32;
        let labels = self.named(&shown);
        let wanted = is_wanted(&self.wanted, &labels);
        self.by_text.insert(text.clone(), place);
        let (id, page, next) = (None, 0, place + 1);
        self.known.push(Known { text, shown, labels, wanted, id, page, next });
        place
    }

    /// Returns the process' start time where it is another process than at the last page.
    fn note_process_start(&mut self, page: &Page<'_>, places: &[u32]) -> Option<i64> {
        let is_start = |place: &u32| self.known[*place as usize].shown.metric() == PROCESS_START;
        let at = places.iter().position(is_start)?;
        let start_ms = Some((page.samples[at].v * 1000.0) as i64);
        let before = std::mem::replace(&mut self.process_start_ms, start_ms);
        start_ms.filter(|_| before.is_some() && before != start_ms)
    }

    fn append(
        &mut self,
        place: u32,
        raw: &Raw<'_>,
        (at_ms, zero_ms): (i64, Option<i64>),
        store: &mut Store,
        pulled: &mut Pulled,
    ) {
        let known = &mut self.known[place as usize];
        if !known.wanted {
            known.page = self.pages;
            return;
        }
        pulled.series += 1;
        let t_ms = raw.t_ms.unwrap_or(at_ms);
        let newest_ms = |known: &Known| known.id.and_then(|id| store.newest_ms_of(id));
        if raw.t_ms.is_some() && newest_ms(known).is_some_and(|newest_ms| newest_ms >= t_ms) {
            // A target that gives times shows the same sample until it has a newer one.
            known.page = self.pages;
            return;
        }
        let appended = match known.id.map(|id| store.append_to(id, t_ms, raw.v)) {
            None | Some(Err(Refusal::Gone)) => {
                let new = store.append_new(&known.labels, t_ms, raw.v);
                new.map(|(id, appended)| {
                    known.id = Some(id);
                    appended
                })
            }
            Some(done) => done.map(|()| Appended::Known),
        };
        match (appended, known.id) {
            (Err(_), _) | (_, None) => pulled.refused += 1,
            (Ok(appended), Some(id)) => {
                pulled.samples += 1;
                let new = appended == Appended::NewSeries;
                let first_ms = self.last_ok_ms.or(self.process_start_ms).filter(|_| new);
                // A target may show the same series by two texts; the latest time counts.
                first_ms.into_iter().chain(zero_ms).for_each(|at_ms| store.born_at(id, at_ms));
            }
        }
        known.page = self.pages;
    }

    /// Ends the series that the last page showed and this one does not, and in time forgets them.
    fn end_others(&mut self, at_ms: i64, store: &mut Store) {
        let mut old = false;
        for known in &self.known {
            if known.page + 1 == self.pages
                && let Some(id) = known.id
            {
                store.end_at(id, at_ms);
            }
            old |= known.page + FORGOTTEN_AFTER < self.pages;
        }
        if old {
            self.known.retain(|known| known.page + FORGOTTEN_AFTER >= self.pages);
            self.by_text.clear();
            for (place, known) in self.known.iter_mut().enumerate() {
                known.next = place as u32 + 1;
                self.by_text.insert(known.text.clone(), place as u32);
            }
        }
    }
}

fn is_wanted(wanted: &[Selector], labels: &Labels) -> bool {
    wanted.is_empty() || wanted.iter().any(|selector| selector.matches(labels))
}
