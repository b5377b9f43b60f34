/** The third-party notices as one text. Throws where a package has no licence text, naming the package. */
export function thirdPartyNotices(root: string): string;
