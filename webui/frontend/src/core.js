// What every page of the complete interface loads: htmx, and what becomes of answers that are no content; news of the
// folders; the keys that work everywhere.

import "./core/answers.js";
import "./core/keys.js";
import "./core/live.js";
