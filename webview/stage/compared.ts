/** How the image is compared, and with what. */
export type Mode = 'flip' | 'slider' | 'difference';

/** What lies under the image to be compared with it. */
export interface Other {
  key: string;
  name: string;
  url: string;
}
