import type { List } from '../list.js'
import { path, Resource } from '../resource.js'
import type { RequestOptions, WriteOptions } from '../transport.js'
import type { Answer, Body, Query } from '../types.js'

/** Uploaded WebAssembly components; an installation enables one. */
export class Plugins extends Resource {
  list(query: Query<'listPlugins'> = {}, options?: RequestOptions): List<Answer<'listPlugins'>> {
    return this.api.list('/plugins', query, options)
  }

  async get(id: string, options?: RequestOptions): Promise<Answer<'getPlugin'>> {
    return this.api.get(path`/plugins/${id}`, { options })
  }

  /** Uploads the bytes of a component. If it was uploaded before, the existing plugin is returned. */
  async upload(
    component: Uint8Array | ArrayBuffer | Blob,
    options?: WriteOptions,
  ): Promise<Answer<'uploadPlugin'>> {
    return this.api.upload('/plugins', { type: 'application/wasm', content: component }, options)
  }

  /** One call on the real runtime with an event, or with a ticket as it is now; nothing is written. */
  async try(id: string, call: Body<'tryPlugin'>, options?: WriteOptions): Promise<Answer<'tryPlugin'>> {
    return this.api.post(path`/plugins/${id}/try`, call, options)
  }

  /** Deletes a plugin that no installation uses. */
  async delete(id: string, options?: WriteOptions): Promise<Answer<'deletePlugin'>> {
    return this.api.delete(path`/plugins/${id}`, options)
  }
}
