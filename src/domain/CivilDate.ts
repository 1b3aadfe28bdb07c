/** A date of the Gregorian calendar; months and days count from 1. */
export interface CivilDate {
  readonly year: number
  readonly month: number
  readonly day: number
}

// A calendar whose years begin in March has its leap day at the end; it repeats after 400 years.
const eraDays = 146_097
/** From 1 March of the year 0 to 1 January 1970. */
const epochDays = 719_468

/** The date of the day that is so many days after 1 January 1970. */
export const civilDate = (days: number): CivilDate => {
  const shifted = days + epochDays
  const era = Math.floor(shifted / eraDays)
  const ofEra = shifted - era * eraDays
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1_460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  )
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const fromMarch = Math.floor((5 * ofYear + 2) / 153)
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: ofYear - Math.floor((153 * fromMarch + 2) / 5) + 1,
  }
}

/** The days from 1 January 1970 to the first of this month. */
export const daysToMonth = (year: number, month: number): number => {
  const fromMarch = year - (month <= 2 ? 1 : 0)
  const era = Math.floor(fromMarch / 400)
  const yearOfEra = fromMarch - era * 400
  const ofYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5)
  return era * eraDays + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + ofYear - epochDays
}

/** Sunday is 0. */
export const weekdayOf = (days: number): number => (((days + 4) % 7) + 7) % 7
