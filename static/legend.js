// The legend of a chart: its curves with their last values, each a button that hides it, and the lines that mark something.

export class Legend {
  /** The lists that curves and marks are written in; `changed` is called when the reader shows or hides a curve. */
  constructor({ curves, marks }, changed) {
    Object.assign(this, { curves, marks, changed });
    this.hidden = new Set();
    this.entries = new Map();
  }

  /** Whether a curve is to be drawn. */
  shows(key) {
    return !this.hidden.has(key);
  }

  /** Brings the legend up to date: `curves` of {key, name, value}, then `marks` of {key, text} that nobody hides. */
  write(curves, marks) {
    const wanted = new Set([...curves, ...marks].map(({ key }) => key));
    for (const [key, entry] of this.entries) {
      if (wanted.has(key)) continue;
      entry.item.remove();
      this.entries.delete(key);
    }
    for (const { key, name, value } of curves) {
      const { words } = this.entries.get(key) ?? this.#add(key, this.curves, this.#button(key));
      say(words, this.shows(key) ? `${name} ${value}` : name);
    }
    for (const { key, text } of marks) {
      const { words } = this.entries.get(key) ?? this.#add(key, this.marks, document.createElement("span"));
      say(words, text);
    }
  }

  /** An entry of a list, with a sample of its line before its words. */
  #add(key, list, holder) {
    const [item, sample, words] = ["li", "span", "span"].map((name) => document.createElement(name));
    sample.className = `sample ${key}`;
    holder.append(sample, words);
    item.append(holder);
    list.append(item);
    const entry = { item, words };
    this.entries.set(key, entry);
    return entry;
  }

  #button(key) {
    const button = document.createElement("button");
    button.type = "button";
    button.title = "Show or hide this curve";
    const state = () => button.setAttribute("aria-pressed", this.shows(key));
    state();
    button.addEventListener("click", () => {
      if (!this.hidden.delete(key)) this.hidden.add(key);
      state();
      this.changed();
    });
    return button;
  }
}

function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
