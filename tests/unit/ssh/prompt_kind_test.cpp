#include "ssh/prompt_kind.hpp"

#include <gtest/gtest.h>

namespace execo::detail {
namespace {

TEST(prompt_kind, is_password_only_for_texts_that_are_known_to_ask_for_it) {
  for (const char* text :
       {"Password: ", "Password:", "password", "PASSWORD: ", "  Password:\n", "ops's password: ",
        "ops@n1's password:", "Password for ops@n1:", "Password for ops@EXAMPLE.ORG: ",
        "UNIX password: ", "LDAP Password: ", "Enter your password: ", "Passwort: ",
        "Mot de passe : ", "Contraseña: ", "Пароль: ", "パスワード: "})
    EXPECT_EQ(kind_of_prompt(text), prompt_kind::password) << text;
}

TEST(prompt_kind, is_new_password_where_one_is_to_be_changed) {
  for (const char* text : {"New password: ", "Current password: ", "(current) UNIX password: ",
                           "Enter new password:", "Retype new password: ", "Old Password: ",
                           "Your password has expired. Choose a new password: "})
    EXPECT_EQ(kind_of_prompt(text), prompt_kind::new_password) << text;
}

TEST(prompt_kind, is_other_for_anything_else) {
  for (const char* text : {"",
                           ":",
                           "Verification code: ",
                           "One-time password: ",
                           "One-time password (OATH) for `ops': ",
                           "Password or code: ",
                           "Password + token: ",
                           "Password (then your PIN): ",
                           "Passcode: ",
                           "Enter PASSCODE: ",
                           "OTP: ",
                           "Yubikey for `ops': ",
                           "Second password: ",
                           "Password for the vault of ops: ",
                           "sudo password: ",
                           "Root password: ",
                           "PIN: ",
                           "Duo two-factor login for ops\n\nPasscode or option (1-3): ",
                           "passwords",
                           "mypassword:"})
    EXPECT_EQ(kind_of_prompt(text), prompt_kind::other) << text;
}

}  // namespace
}  // namespace execo::detail
