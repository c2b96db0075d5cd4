/** What a site's page is told of its model: `site.json`, which `export --web` writes. */
export interface SiteInfo {
  /** The title. */
  readonly name: string;
  /** The model's file. */
  readonly model: string;
  /** Its size in bytes. */
  readonly bytes: number;
  /** Sides of the images that it was trained on, in pixels. */
  readonly size: number;
  /** Label maps: the classes' colours, the background first. */
  readonly palette?: readonly { readonly name: string; readonly color: readonly [number, number, number] }[];
  /** Pictures to begin with. */
  readonly examples: readonly { readonly file: string; readonly name: string }[];
  /** Facts for the curious, as text. */
  readonly facts: Readonly<Record<string, string>>;
}
