//! Scenarios: which hosts there are, how many URLs of each, and in which order they are listed.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use serde::Deserialize;

use crate::host::Host;
use crate::model::Model;

/// A scenario, as its file has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it is about, in a line.
    pub title: String,
    /// Requests under way at once, over all hosts.
    #[serde(default = "default_concurrency")]
    pub concurrency: usize,
    /// The same for one host.
    #[serde(default = "default_per_host")]
    pub per_host: usize,
    /// How long an attempt may take.
    #[serde(default = "default_timeout")]
    pub timeout_s: f64,
    /// How long it may take until a connection stands.
    #[serde(default = "default_connect_timeout")]
    pub connect_timeout_s: f64,
    /// Further attempts after one that got no answer.
    #[serde(default = "default_retries")]
    pub retries: u32,
    /// How the URLs stand in the list.
    #[serde(default)]
    pub order: Order,
    /// The kinds of hosts.
    pub hosts: Vec<Population>,
}

/// Hosts of one kind.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Population {
    /// What their names begin with.
    pub name: String,
    /// How many there are.
    pub count: usize,
    /// How many URLs they have.
    pub urls: Urls,
    /// Their URLs are https.
    #[serde(default)]
    pub encrypted: bool,
    /// What they are like.
    #[serde(default)]
    pub model: Rc<Model>,
}

/// How many URLs hosts have.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Urls {
    /// So many each.
    Each(u64),
    /// So many in all, the host in the nth place having the share 1/n^`zipf`; one at least.
    Zipf {
        /// In all, about.
        total: u64,
        /// How unequal they are.
        zipf: f64,
    },
}

/// How URLs stand in a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// All of one host, then all of the next.
    ByHost,
    /// Mixed.
    #[default]
    Mixed,
}

/// Why a file is no scenario.
#[derive(Debug)]
pub struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// It is no TOML, a word is not known, or a number cannot be.
    pub fn parse(text: &str) -> Result<Scenario, Error> {
        let scenario: Scenario = toml::from_str(text).map_err(|reason| Error(reason.to_string()))?;
        for population in &scenario.hosts {
            if let Some(complaint) = population.model.complaint() {
                return Err(Error(format!("hosts {:?}: {complaint}", population.name)));
            }
        }
        let is_time = |seconds: f64| seconds > 0.0 && seconds <= 1e9;
        let are_times = is_time(scenario.timeout_s) && is_time(scenario.connect_timeout_s);
        if scenario.concurrency == 0 || scenario.per_host == 0 || !are_times {
            return Err(Error("concurrency, per_host and timeouts are above 0".to_owned()));
        }
        Ok(scenario)
    }

    /// How long an attempt may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs_f64(self.timeout_s)
    }

    /// How long it may take until a connection stands; never longer than the attempt.
    pub fn connect_timeout(&self) -> Duration {
        Duration::from_secs_f64(self.connect_timeout_s.min(self.timeout_s))
    }

    /// How many hosts there are.
    pub fn host_count(&self) -> usize {
        self.hosts.iter().map(|population| population.count).sum()
    }

    /// How many URLs there are.
    pub fn url_count(&self) -> u64 {
        self.hosts.iter().map(Population::url_count).sum()
    }

    /// Whose host this is, by its number over all populations, and its number there.
    pub fn population_of(&self, host: usize) -> (&Population, usize) {
        let mut number = host;
        for population in &self.hosts {
            if number < population.count {
                return (population, number);
            }
            number -= population.count;
        }
        panic!("there is no host {host}");
    }

    /// A host's name.
    pub fn name_of(&self, host: usize) -> String {
        let (population, number) = self.population_of(host);
        format!("{}-{number}.example", population.name)
    }

    /// A host's number, from its name.
    pub fn host_named(&self, name: &str) -> Option<usize> {
        let (population_name, number) = name.strip_suffix(".example")?.rsplit_once('-')?;
        let number: usize = number.parse().ok()?;
        let mut before = 0;
        for population in &self.hosts {
            if population.name == population_name && number < population.count {
                return Some(before + number);
            }
            before += population.count;
        }
        None
    }

    /// A host at rest.
    pub fn host(&self, host: usize, seed: u64) -> Host {
        Host::new(&self.population_of(host).0.model, seed, &self.name_of(host))
    }

    /// The same, as it is when it is first asked at a later time.
    pub(crate) fn host_at(&self, host: usize, seed: u64, now: Duration) -> Host {
        let name = self.name_of(host);
        Host::new(&self.population_of(host).0.model, seed, &name).anew(seed, &name, now)
    }

    /// The list: for each URL in order, the number of its host. It is made as it is read, and takes no more memory than a
    /// number for each host of a population whose hosts differ.
    pub fn list(&self, seed: u64) -> impl Iterator<Item = usize> + use<> {
        let mut first_host = 0;
        let mut ranges = Vec::new();
        for population in &self.hosts {
            ranges.push(Range { first_host, ends: population.ends(), urls: population.url_count() });
            first_host += population.count;
        }
        let total = self.url_count();
        let walk = Walk::new(total, seed);
        let order = self.order;
        (0..total).map(move |place| {
            let mut place = if order == Order::Mixed { walk.place(place) } else { place };
            for range in &ranges {
                if place < range.urls {
                    return range.first_host + range.host_at(place);
                }
                place -= range.urls;
            }
            unreachable!("a place is below the total");
        })
    }
}

impl Population {
    /// For each host how many URLs it has.
    pub fn urls_of_all(&self) -> impl Iterator<Item = u64> {
        let sum = match self.urls {
            Urls::Each(_) => 0.0,
            Urls::Zipf { zipf, .. } => self.zipf_sum(zipf),
        };
        (0..self.count).map(move |number| match self.urls {
            Urls::Each(each) => each,
            Urls::Zipf { total, zipf } => zipf_share(total, zipf, number, sum),
        })
    }

    fn url_count(&self) -> u64 {
        match self.urls {
            Urls::Each(each) => each * self.count as u64,
            Urls::Zipf { .. } => self.urls_of_all().sum(),
        }
    }

    fn zipf_sum(&self, zipf: f64) -> f64 {
        (1..=self.count).map(|place| (place as f64).powf(-zipf)).sum()
    }

    fn ends(&self) -> Ends {
        match self.urls {
            Urls::Each(each) => Ends::Each(each),
            Urls::Zipf { .. } => {
                let ends = self.urls_of_all().scan(0, |sum, urls| {
                    *sum += urls;
                    Some(*sum)
                });
                Ends::At(ends.collect())
            }
        }
    }
}

fn zipf_share(total: u64, zipf: f64, number: usize, sum: f64) -> u64 {
    let share = ((number + 1) as f64).powf(-zipf) / sum;
    ((total as f64 * share).round() as u64).max(1)
}

/// A population's part of the list.
struct Range {
    first_host: usize,
    ends: Ends,
    urls: u64,
}

/// Where each host's URLs end, were the list in order of hosts.
enum Ends {
    Each(u64),
    At(Vec<u64>),
}

impl Range {
    fn host_at(&self, place: u64) -> usize {
        match &self.ends {
            Ends::Each(each) => (place / each) as usize,
            Ends::At(ends) => ends.partition_point(|end| *end <= place),
        }
    }
}

/// A way through all numbers below a total that comes to each once, without a table.
struct Walk {
    total: u64,
    step: u64,
    start: u64,
}

impl Walk {
    fn new(total: u64, seed: u64) -> Walk {
        let mut random = fastrand::Rng::with_seed(seed);
        let total = total.max(1);
        // About the golden section, so that neighbours in the list are far apart.
        let mut step = ((total as f64 * 0.618_033_988_75) as u64 + random.u64(0..total.min(1_000))).max(1);
        while greatest_common_divisor(step, total) != 1 {
            step += 1;
        }
        Walk { total, step, start: random.u64(0..total) }
    }

    fn place(&self, index: u64) -> u64 {
        let far = u128::from(index) * u128::from(self.step) + u128::from(self.start);
        (far % u128::from(self.total)) as u64
    }
}

fn greatest_common_divisor(one: u64, other: u64) -> u64 {
    if other == 0 { one } else { greatest_common_divisor(other, one % other) }
}

fn default_concurrency() -> usize {
    1_000
}

fn default_per_host() -> usize {
    64
}

fn default_timeout() -> f64 {
    10.0
}

fn default_connect_timeout() -> f64 {
    5.0
}

fn default_retries() -> u32 {
    2
}
