/* What Node does with an addon before it calls it, for machines that have no Node here: loads it with every symbol bound,
   and asks for the function that registers it. */

#include <dlfcn.h>
#include <stdio.h>

int main(int count, char **arguments) {
  void *addon = count == 2 ? dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL) : NULL;
  void *registers = addon == NULL ? NULL : dlsym(addon, "napi_register_module_v1");
  if (registers == NULL) {
    fprintf(stderr, "%s\n", count == 2 ? dlerror() : "which file?");
    return 1;
  }
  puts("loaded");
  return 0;
}
