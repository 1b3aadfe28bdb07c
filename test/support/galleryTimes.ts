/** The time in the gallery, and what its ids are made of. */
export const second = 1000
export const minute = 60 * second
export const hour = 60 * minute
export const now = Date.UTC(2026, 10, 22, 12, 0, 0)

export const ulid = (number: number) => `01JD0000000000000000000${String(number).padStart(3, "0")}`
