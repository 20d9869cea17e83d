"""Made-up names, places and companies the seed is drawn from."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where sellers and customers are; `zone_code` is Dataverse's number of the time zone."""

    country: str
    city: str
    region: str
    time_zone: str
    zone_code: int
    language: str
    currency: str
    unit: str

    @property
    def address(self) -> dict[str, str | int | float | None]:
        """The columns of an address."""
        return {
            "address1_city": self.city,
            "address1_country": self.country,
            "address1_stateorprovince": self.region,
        }


PLACES = (
    Place("United Kingdom", "London", "England", "Europe/London", 85, "English", "GBP", "EMEA"),
    Place("United Kingdom", "Manchester", "England", "Europe/London", 85, "English", "GBP", "EMEA"),
    Place("Germany", "Berlin", "Berlin", "Europe/Berlin", 110, "German", "EUR", "EMEA"),
    Place("Germany", "Munich", "Bavaria", "Europe/Berlin", 110, "German", "EUR", "EMEA"),
    Place("France", "Paris", "Ile-de-France", "Europe/Paris", 105, "French", "EUR", "EMEA"),
    Place("Spain", "Madrid", "Madrid", "Europe/Madrid", 105, "Spanish", "EUR", "EMEA"),
    Place("United States", "Seattle", "WA", "America/Los_Angeles", 4, "English", "USD", "Americas"),
    Place("United States", "New York", "NY", "America/New_York", 35, "English", "USD", "Americas"),
    Place("United States", "Chicago", "IL", "America/Chicago", 20, "English", "USD", "Americas"),
    Place("Brazil", "Sao Paulo", "SP", "America/Sao_Paulo", 65, "Portuguese", "USD", "Americas"),
    Place("Japan", "Tokyo", "Tokyo", "Asia/Tokyo", 235, "Japanese", "JPY", "APAC"),
    Place("Australia", "Sydney", "NSW", "Australia/Sydney", 255, "English", "AUD", "APAC"),
)
UNITS = ("EMEA", "Americas", "APAC")
CURRENCIES = (
    ("USD", "US Dollar", "$", 1.0),
    ("EUR", "Euro", "€", 0.92),
    ("GBP", "Pound Sterling", "£", 0.79),
    ("JPY", "Yen", "¥", 149.5),
    ("AUD", "Australian Dollar", "A$", 1.52),
)
FIRST_NAMES = (
    "Miriam", "Alex", "Bahar", "Chidi", "Daniela", "Elias", "Freya", "Goran", "Hana", "Ines",
    "Jonas", "Keiko", "Liam", "Mateo", "Nadia", "Olga", "Pedro", "Quinn", "Rosa", "Sven",
    "Tariq", "Uma", "Viktor", "Wanda", "Ximena", "Yusuf", "Zoe", "Anders", "Beatriz", "Caleb",
)  # fmt: skip
LAST_NAMES = (
    "Graham", "Okafor", "Schmidt", "Tanaka", "Moreau", "Garcia", "Nielsen", "Rossi", "Novak",
    "Silva", "Kowalski", "Andersson", "Murphy", "Papadakis", "Hoffmann", "Sato", "Dubois",
    "Lopez", "Wright", "Costa", "Becker", "Ito", "Bernard", "Navarro", "Walker", "Ferreira",
    "Keller", "Mori", "Petit", "Ramos",
)  # fmt: skip
COMPANY_STEMS = (
    "Northbay", "Alderbrook", "Kestrel", "Lumen", "Oakline", "Ferrous", "Bluepeak", "Tidewater",
    "Granite", "Juniper", "Meridian", "Palisade", "Quartz", "Redwood", "Silverlake", "Tamarack",
    "Umber", "Vantage", "Westmark", "Zephyr", "Harbor", "Iron Gate", "Copperfield",
    "Brightwater",
)  # fmt: skip
COMPANY_KINDS = (
    "Logistics", "Foods", "Bank", "Energy", "Retail", "Health", "Systems", "Motors", "Media",
    "Textiles", "Chemicals", "Insurance",
)  # fmt: skip
JOB_TITLES = (
    "Purchasing Manager", "CIO", "Head of Operations", "Procurement Lead", "CFO",
    "Plant Manager", "IT Director", "Owner", "Facilities Manager",
)  # fmt: skip
PRODUCTS = (
    "Fleet renewal",
    "Coffee machines",
    "Office furniture",
    "Sensor upgrade",
    "Packaging line",
)
CAMPAIGNS = ("Spring trade fair", "Webinar series", "Partner day", "Energy savings mailing")
TITLES = ("Account Executive", "Sales Representative", "Specialist", "Area manager")
