let current = (name: string): string => `/assets/${name}`

/** Said once at the start, by who serves the files: their addresses with what tells one content from the next. */
export const useAssetUrls = (url: (name: string) => string): void => {
  current = url
}

/** The address of a file of ui/assets. */
export const assetUrl = (name: string): string => current(name)
