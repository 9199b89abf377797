// Server-Sent Events (WHATWG HTML, section 9.2.6), as far as the server uses them: the data of each record.

export class Records {
  #rest = ''; #after = false; // whether the last character was a CR, of which an LF may follow
  /** @type {string[]} */ #data = [];

  /** Takes the next piece of the stream, which may begin and end anywhere.
   * @param {string} text @returns {string[]} the data of the records that end in it */
  push(text) {
    if (text === '') return [];
    if (this.#after && text[0] === '\n') text = text.slice(1);
    this.#after = text === '' ? false : text.endsWith('\r');
    const lines = (this.#rest + text).split(/\r\n|\n|\r/);
    this.#rest = lines.pop() ?? '';
    const all = [];
    for (const line of lines) {
      if (line.startsWith('data:')) {
        this.#data.push(line.slice(line[5] === ' ' ? 6 : 5));
      } else if (line === '' && this.#data.length > 0) {
        all.push(this.#data.join('\n'));
        this.#data = [];
      }
    }
    return all;
  }
}
