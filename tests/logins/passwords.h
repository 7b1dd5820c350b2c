// Passwords that two programs prepare in different ways unless they agree on all of it.
#pragma once

#include <string>
#include <vector>

namespace prism::testing {

inline std::vector<std::string> StrangePasswords() {
  return {
      "pencil",
      " two words ",
      "quote ' and \\",
      "tab\tand bell\a",
      "I\u00adX",               // a soft hyphen, mapped to nothing
      "\u2168\u00aa",           // a Roman numeral and an ordinal, normalised to letters
      "a\u00a0b\u3000c\u200b",  // spaces, the last one also mapped to nothing
      "u\u0308ber",             // composed
      "\ufdfa",                 // grows to 18 characters
      "\u0627\u0644\u0633",     // from right to left
      "\u0627x",                // in both directions: stays
      "\u0627\u0031",           // ends in neither: stays
      "\u00e4\a",               // a control character: stays
      "\u0340\u00e4",           // prohibited, and normalised to something that is not: stays
      "\u1e9e\u00df",           // the first one is younger than Unicode 3.2: stays
      "\u0221\u00e4",           // unassigned in Unicode 3.2: stays
      "\ue000\u00e4",           // private use: stays
      "\u2060\u00ad",           // nothing would be left: stays
      "caf\xe9",                // not UTF-8: stays
      "\xed\xa0\x80\xc3\xa4",   // a surrogate: stays
  };
}

}  // namespace prism::testing
